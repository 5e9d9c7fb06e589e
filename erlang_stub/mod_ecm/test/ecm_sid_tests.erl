%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc SIDs: only those that were made are found.

-module(ecm_sid_tests).

-include_lib("eunit/include/eunit.hrl").

sid_test_() ->
    {setup, fun() -> ecm_sid:key() end,
     {with, [fun finds/1, fun finds_on_other_nodes/1, fun is_for_urls/1, fun is_of_one_nonce/1,
             fun every_bit_counts/1, fun every_other_character_is_wrong/1,
             fun truncated_or_extended_is_wrong/1, fun pieces_of_two_are_wrong/1,
             fun any_bytes_are_wrong/1, fun another_key_is_wrong/1]}}.

finds(Key) ->
    [?assertEqual({ok, self(), Nonce}, ecm_sid:find(Key, ecm_sid:make(Key, self(), Nonce)))
     || Nonce <- [0, 1, 16#FFFFFFFF]].

%% Names of all lengths, so that the address ends at any place in a group of base64.
finds_on_other_nodes(Key) ->
    [begin
         Pid = pid_of(lists:duplicate(Size, $n) ++ "@example.com"),
         ?assertNotEqual(node(), node(Pid)),
         ?assertEqual({ok, Pid, 7}, ecm_sid:find(Key, ecm_sid:make(Key, Pid, 7)))
     end || Size <- [1, 2, 3, 4, 5, 6, 200]].

is_for_urls(Key) ->
    Sids = [ecm_sid:make(Key, self(), Nonce) || Nonce <- lists:seq(1, 1000)],
    ?assertEqual({match, [{0, 0}]},
                 re:run(lists:join("\n", Sids), "^(?![A-Za-z0-9_\\n-]*[^A-Za-z0-9_\\n-])")),
    ?assertEqual("-_", [Digit || Digit <- "-_", lists:any(fun(Sid) -> has(Digit, Sid) end, Sids)]),
    Pid = pid_of("ejabberd@localhost"),
    ?assert(byte_size(ecm_sid:make(Key, Pid, 16#FFFFFFFF)) =< 80).

has(Digit, Sid) ->
    binary:match(Sid, <<Digit>>) =/= nomatch.

of_one_cluster_are_those_with_one_key_test() ->
    Key = ecm_sid:key(binary:copy(<<"k">>, 32)),
    ?assertEqual(ecm_sid:cluster(Key), ecm_sid:cluster(ecm_sid:key(binary:copy(<<"k">>, 32)))),
    ?assertNotEqual(ecm_sid:cluster(Key), ecm_sid:cluster(ecm_sid:key())),
    ?assertMatch({match, _}, re:run(ecm_sid:cluster(Key), "^[0-9a-f]{16}$")).

is_of_one_nonce(Key) ->
    ?assertNotEqual(ecm_sid:make(Key, self(), 1), ecm_sid:make(Key, self(), 2)).

every_bit_counts(Key) ->
    Sid = sid(Key),
    [begin
         <<Before:At/bitstring, Bit:1, After/bitstring>> = Sid,
         ?assertEqual(error, ecm_sid:find(Key, <<Before/bitstring, (1 - Bit):1, After/bitstring>>))
     end || At <- lists:seq(0, bit_size(Sid) - 1)].

every_other_character_is_wrong(Key) ->
    Sid = sid(Key),
    [begin
         <<Before:At/binary, Right, After/binary>> = Sid,
         [?assertEqual(error, ecm_sid:find(Key, <<Before/binary, Wrong, After/binary>>))
          || Wrong <- lists:seq(0, 255), Wrong =/= Right]
     end || At <- lists:seq(0, byte_size(Sid) - 1)].

truncated_or_extended_is_wrong(Key) ->
    Sid = sid(Key),
    Size = byte_size(Sid),
    [begin
         ?assertEqual(error, ecm_sid:find(Key, binary:part(Sid, 0, Kept))),
         ?assertEqual(error, ecm_sid:find(Key, binary:part(Sid, Size, -Kept)))
     end || Kept <- lists:seq(0, Size - 1)],
    [begin
         ?assertEqual(error, ecm_sid:find(Key, <<Sid/binary, Byte>>)),
         ?assertEqual(error, ecm_sid:find(Key, <<Byte, Sid/binary>>))
     end || Byte <- lists:seq(0, 255)].

pieces_of_two_are_wrong(Key) ->
    One = ecm_sid:make(Key, self(), 1),
    Two = ecm_sid:make(Key, self(), 2),
    Size = byte_size(One) - 24,
    Mixed = <<One:Size/binary, (binary:part(Two, Size, 24))/binary>>,
    ?assertEqual(error, ecm_sid:find(Key, Mixed)).

any_bytes_are_wrong(Key) ->
    _ = rand:seed(exsss, 124),
    [?assertEqual(error, ecm_sid:find(Key, rand:bytes(rand:uniform(200) - 1)))
     || _ <- lists:seq(1, 5000)].

another_key_is_wrong(Key) ->
    Sid = sid(Key),
    [?assertEqual(error, ecm_sid:find(Other, Sid))
     || Other <- [ecm_sid:key(), ecm_sid:key(<<7:256>>)]].

%% It is HMAC-SHA-256 by the book.
hmac_test() ->
    Secret = <<7:256>>,
    Sid = sid(ecm_sid:key(Secret)),
    <<Address:(byte_size(Sid) - 24)/binary, Mac/binary>> = Sid,
    Expected = base64:encode(crypto:macN(hmac, sha256, Secret, Address, 18)),
    ?assertEqual(Expected, << <<(standard(Digit))>> || <<Digit>> <= Mac >>).

standard($-) -> $+;
standard($_) -> $/;
standard(Digit) -> Digit.

sid(Key) ->
    ecm_sid:make(Key, self(), 12345).

%% A process of another node, made as Erlang tells of it (External Term Format, NEW_PID_EXT).
pid_of(Node) ->
    binary_to_term(iolist_to_binary([131, 88, 119, length(Node), Node, <<600:32, 3:32, 99:32>>])).

%% A release to come.
a_key_of_another_form_finds_nothing_test() ->
    Sid = ecm_sid:make(ecm_sid:key(), self(), 1),
    [?assertEqual(error, ecm_sid:find(Key, Sid)) || Key <- [new, {key, 1, 2, 3}]].
