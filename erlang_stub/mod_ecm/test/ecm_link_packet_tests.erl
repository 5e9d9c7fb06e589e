%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The codec against packet.json, the vectors that ECM has to pass as well.

-module(ecm_link_packet_tests).

-include_lib("eunit/include/eunit.hrl").

%% Every packet: what it is made of, and its bytes.
packets_test_() ->
    [{Name, [fun() -> encodes(Id, Content, Packet) end,
             fun() -> decodes_whole(Id, Content, Packet) end,
             fun() -> decodes_byte_by_byte(Id, Content, Packet) end,
             fun() -> decodes_before_other_bytes(Id, Content, Packet) end]}
     || {Name, Id, Content, Packet} <- good()].

encodes(Id, Content, Packet) ->
    ?assertEqual(Packet, iolist_to_binary(ecm_link_packet:encode(Id, Content))).

decodes_whole(Id, Content, Packet) ->
    {ok, Packets, Decoder} = ecm_link_packet:decode(Packet, decoder()),
    ?assertEqual([{Id, Content}], Packets),
    ?assertEqual(0, ecm_link_packet:held(Decoder)).

%% No proper prefix gives anything, and all of it is held.
decodes_byte_by_byte(Id, Content, Packet) ->
    Size = byte_size(Packet) - 1,
    <<Prefix:Size/binary, Last>> = Packet,
    Decoder = lists:foldl(
                fun(N, Before) ->
                        {ok, [], After} = ecm_link_packet:decode(binary:part(Prefix, N, 1), Before),
                        ?assertEqual(N + 1, ecm_link_packet:held(After)),
                        After
                end, decoder(), lists:seq(0, Size - 1)),
    ?assertMatch({ok, [{Id, Content}], _}, ecm_link_packet:decode(<<Last>>, Decoder)).

decodes_before_other_bytes(Id, Content, Packet) ->
    {ok, Packets, Decoder} = ecm_link_packet:decode(<<Packet/binary, "0000000">>, decoder()),
    ?assertEqual([{Id, Content}], Packets),
    ?assertEqual(7, ecm_link_packet:held(Decoder)).

%% Every error: reported once the header is there, with the bytes it began with.
errors_test_() ->
    [{Name, [fun() -> fails_whole(Bytes, Reason) end,
             fun() -> fails_byte_by_byte(Bytes, Reason) end,
             fun() -> fails_after_packets(Bytes, Reason) end]}
     || {Name, Bytes, Reason} <- bad()].

fails_whole(Bytes, Reason) ->
    ?assertEqual({error, [], Reason, Bytes}, ecm_link_packet:decode(Bytes, decoder())).

fails_byte_by_byte(<<Header:32/binary, _/binary>>, Reason) ->
    <<Prefix:31/binary, Last>> = Header,
    Decoder = lists:foldl(
                fun(Byte, Before) ->
                        {ok, [], After} = ecm_link_packet:decode(Byte, Before),
                        After
                end, decoder(), [<<Byte>> || <<Byte>> <= Prefix]),
    ?assertEqual({error, [], Reason, Header}, ecm_link_packet:decode(<<Last>>, Decoder)).

fails_after_packets(Bytes, Reason) ->
    Segment = <<(stream())/binary, Bytes/binary>>,
    ?assertEqual({error, contents(), Reason, Bytes}, ecm_link_packet:decode(Segment, decoder())).

reports_at_most_64_bytes_test() ->
    Bytes = binary:copy(<<"x">>, 1000),
    ?assertEqual({error, [], 'length-not-decimal', binary:part(Bytes, 0, 64)},
                 ecm_link_packet:decode(Bytes, decoder())).

many_packets_in_one_segment_test() ->
    {ok, Packets, Decoder} = ecm_link_packet:decode(stream(), decoder()),
    ?assertEqual(contents(), Packets),
    ?assertEqual(0, ecm_link_packet:held(Decoder)).

%% Where the segments begin and end makes no difference.
%% The next one begins in the read that completes it, or in the one after that.
a_packet_that_is_held_is_told_from_those_before_test() ->
    Packet = iolist_to_binary(ecm_link_packet:encode(7, <<"some content">>)),
    First = ecm_link_packet:new(100),
    ?assertEqual(none, ecm_link_packet:begun(First)),
    Second = held_bytewise(0, Packet, 1, First),
    {ok, [_], Third} = ecm_link_packet:decode(<<(binary:last(Packet)), (binary:first(Packet))>>, Second),
    Fourth = held_bytewise(1, Packet, 2, Third),
    {ok, [_], Fifth} = ecm_link_packet:decode(<<(binary:last(Packet))>>, Fourth),
    ?assertEqual(none, ecm_link_packet:begun(Fifth)),
    held_bytewise(0, Packet, 3, Fifth).

%% All but the last byte.
held_bytewise(From, Packet, Number, Decoder) ->
    Bytes = binary:part(Packet, From, byte_size(Packet) - From - 1),
    lists:foldl(fun(Byte, Before) ->
                        {ok, [], After} = ecm_link_packet:decode(<<Byte>>, Before),
                        ?assertEqual(Number, ecm_link_packet:begun(After)),
                        After
                end, Decoder, binary_to_list(Bytes)).

any_split_test() ->
    _ = rand:seed(exsss, 124),
    Stream = stream(),
    Contents = contents(),
    Decoder = decoder(),
    [?assertEqual(Contents, decode_all(split(Stream), Decoder)) || _ <- lists:seq(1, 1000)].

%% Any bytes at all are packets, or a packet that has begun, or an error with a name.
any_bytes_test() ->
    _ = rand:seed(exsss, 206),
    Stream = stream(),
    Decoder = decoder(),
    Reasons = [Reason || {_, _, Reason} <- bad()],
    [any_bytes(decode_all(split(damaged(Stream)), Decoder), Reasons) || _ <- lists:seq(1, 5000)].

any_bytes({error, Reason}, Reasons) -> ?assert(lists:member(Reason, Reasons));
any_bytes(Packets, _) -> ?assert(is_list(Packets)).

a_packet_as_large_as_the_limit_test() ->
    Content = binary:copy(<<"x">>, 100 - 32),
    Packet = iolist_to_binary(ecm_link_packet:encode(1, Content)),
    ?assertMatch({ok, [{1, Content}], _}, ecm_link_packet:decode(Packet, ecm_link_packet:new(100))),
    ?assertMatch({error, [], 'length-too-large', _}, ecm_link_packet:decode(Packet, ecm_link_packet:new(99))).

%% A content that kept its segment alive would keep all of its neighbours in memory.
nothing_keeps_a_segment_alive_test() ->
    Content = binary:copy(<<"x">>, 100),
    Packet = iolist_to_binary(ecm_link_packet:encode(1, Content)),
    <<Begin:50/binary, End/binary>> = Packet,
    {ok, [{1, Whole}], Begun} = ecm_link_packet:decode(<<Packet/binary, Begin/binary>>, decoder()),
    {ok, [{1, Joined}], _} = ecm_link_packet:decode(<<End/binary, Packet:70/binary>>, Begun),
    ?assertEqual([Content, Content], [Whole, Joined]),
    ?assertEqual([100, 100], [binary:referenced_byte_size(Bytes) || Bytes <- [Whole, Joined]]).

what_is_held_is_not_the_segment_test() ->
    Parent = self(),
    _ = spawn_link(fun() -> Parent ! {sizes, sizes_of_binaries(decoder_after(100000, 100))} end),
    ?assertEqual([100], receive {sizes, Sizes} -> Sizes end).

%% A decoder that got a packet, and the header and some content of a second one, in one segment.
decoder_after(Complete, Begun) ->
    Packet = iolist_to_binary(ecm_link_packet:encode(1, binary:copy(<<"x">>, Complete))),
    Begin = binary:part(Packet, 0, 32 + Begun),
    {ok, [_], Decoder} = ecm_link_packet:decode(<<Packet/binary, Begin/binary>>, decoder()),
    Decoder.

%% Of those that this process holds with the decoder.
sizes_of_binaries(Decoder) ->
    erlang:garbage_collect(),
    {binary, Binaries} = process_info(self(), binary),
    ?assertEqual(132, ecm_link_packet:held(Decoder)),
    [Size || {_, Size, _} <- Binaries].

%% Four times the pieces must be about four times the work; it would be sixteen times if anything
%% was looked at, or copied, again for each of them.
a_large_packet_in_small_pieces_is_linear_work_test() ->
    linear(fun(Size) ->
                   Packet = iolist_to_binary(ecm_link_packet:encode(1, binary:copy(<<"x">>, Size))),
                   {pieces(Packet, 1400), ecm_link_packet:new(Size + 32)}
           end, 200000).

many_small_packets_are_linear_work_test() ->
    Packet = iolist_to_binary(ecm_link_packet:encode(1, binary:copy(<<"x">>, 100))),
    linear(fun(Count) -> {[binary:copy(Packet, Count)], decoder()} end, 1000).

linear(Input, Size) ->
    {Reductions1, Bytes1} = work(Input(Size)),
    {Reductions4, Bytes4} = work(Input(4 * Size)),
    ?assert(Reductions4 < 8 * Reductions1),
    ?assert(Bytes4 < 8 * Bytes1).

%% What decoding costs a process that never has to collect garbage: its reductions, and the bytes
%% of the binaries that it makes.
work({Segments, Decoder}) ->
    Parent = self(),
    Run = fun() ->
                  Before = spent(),
                  _ = decode_all(Segments, Decoder),
                  Parent ! {work, Before, spent()}
          end,
    _ = spawn_opt(Run, [link, {min_heap_size, 5000000}, {min_bin_vheap_size, 1000000000}]),
    receive
        {work, {Reductions1, Bytes1}, {Reductions2, Bytes2}} ->
            {Reductions2 - Reductions1, Bytes2 - Bytes1}
    end.

spent() ->
    {reductions, Reductions} = process_info(self(), reductions),
    {garbage_collection_info, Info} = process_info(self(), garbage_collection_info),
    {Reductions, erlang:system_info(wordsize) * proplists:get_value(bin_vheap_size, Info)}.

%% Feeds all segments, and returns all packets, or the error.
decode_all(Segments, Decoder) ->
    decode_all(Segments, Decoder, []).

decode_all([], _, Done) ->
    lists:append(lists:reverse(Done));
decode_all([Segment | Segments], Decoder, Done) ->
    case ecm_link_packet:decode(Segment, Decoder) of
        {ok, Packets, Next} -> decode_all(Segments, Next, [Packets | Done]);
        {error, _, Reason, _} -> {error, Reason}
    end.

pieces(Bytes, Size) when byte_size(Bytes) =< Size ->
    [Bytes];
pieces(Bytes, Size) ->
    <<Piece:Size/binary, Rest/binary>> = Bytes,
    [binary:copy(Piece) | pieces(Rest, Size)].

%% Pieces of 0 to 99 bytes.
split(<<>>) ->
    [];
split(Bytes) ->
    Size = min(byte_size(Bytes), rand:uniform(100) - 1),
    <<Piece:Size/binary, Rest/binary>> = Bytes,
    [Piece | split(Rest)].

%% One byte of it is any other.
damaged(Bytes) ->
    At = rand:uniform(byte_size(Bytes)) - 1,
    <<Before:At/binary, _, After/binary>> = Bytes,
    <<Before/binary, (rand:uniform(256) - 1), After/binary>>.

%% All packets of the vectors, one after another.
stream() ->
    << <<Packet/binary>> || {_, _, _, Packet} <- good() >>.

contents() ->
    [{Id, Content} || {_, Id, Content, _} <- good()].

good() ->
    [{Name, binary_to_integer(Id), binary:decode_hex(Content), binary:decode_hex(Packet)}
     || #{<<"name">> := Name, <<"id">> := Id, <<"content">> := Content, <<"packet">> := Packet}
            <- maps:get(<<"packets">>, vectors())].

bad() ->
    [{Name, binary:decode_hex(Bytes), binary_to_atom(Reason)}
     || #{<<"name">> := Name, <<"bytes">> := Bytes, <<"error">> := Reason}
            <- maps:get(<<"errors">>, vectors())].

decoder() ->
    ecm_link_packet:new(maps:get(<<"max_packet">>, vectors())).

vectors() ->
    ecm_vectors:read("packet.json").
