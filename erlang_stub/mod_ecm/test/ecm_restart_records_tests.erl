%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The format of the file of sessions: whole, in pieces, cut anywhere, and damaged anywhere.

-module(ecm_restart_records_tests).

-include_lib("eunit/include/eunit.hrl").

-define(HEADER, #{node => node(), saved => 1700000000000}).

%% Its first records begin here: behind the magic and the version, and behind the header.
-define(MAGIC_SIZE, 15).

a_file_is_read_as_it_was_written_test() ->
    ?assertEqual({events(), ok}, read([file()])).

it_is_read_byte_by_byte_test() ->
    ?assertEqual({events(), ok}, read([<<Byte>> || <<Byte>> <= file()])).

it_is_read_in_two_pieces_test() ->
    File = file(),
    [?assertEqual({events(), ok}, read(pieces(Size, File))) || Size <- lists:seq(0, byte_size(File))].

a_file_without_sessions_is_whole_test() ->
    Empty = iolist_to_binary([ecm_restart_records:header(?HEADER), ecm_restart_records:the_end(0)]),
    ?assertEqual({[{header, ?HEADER}, {the_end, 0}], ok}, read([Empty])).

%% What is before the cut is taken, and the fault is known.
a_file_that_ends_anywhere_is_truncated_test() ->
    File = file(),
    [begin
         {Events, Fault} = read([binary:part(File, 0, Size)]),
         ?assertEqual({error, truncated}, Fault),
         ?assert(lists:prefix(Events, events())),
         ?assertNot(lists:keymember(the_end, 1, Events))
     end || Size <- lists:seq(0, byte_size(File) - 1)].

bytes_behind_the_end_are_a_fault_test() ->
    ?assertEqual({events(), {error, longer}}, read([file(), <<0>>])),
    ?assertEqual({events(), {error, longer}}, read([<<(file())/binary, (file())/binary>>])).

%% No flipped bit makes another session of one, and at most the rest of the file is lost.
no_damage_goes_unseen_test_() ->
    {timeout, 60, fun damaged_anywhere/0}.

damaged_anywhere() ->
    File = file(),
    [begin
         {Events, End} = read([flip(Bit, File)]),
         ?assertEqual([], Events -- [damaged | events()]),
         ?assert(End =/= ok orelse lists:member(damaged, Events)),
         ?assert(length(Events) =< length(events()))
     end || Bit <- lists:seq(0, bit_size(File) - 1)].

%% The last byte of the first session's payload.
a_damaged_session_costs_itself_alone_test() ->
    Header = iolist_size(ecm_restart_records:header(?HEADER)),
    {ok, First} = ecm_restart_records:session(hd(sessions())),
    Bit = 8 * (Header + iolist_size(First)) - 1,
    [Head, {session, <<"one">>} | Rest] = events(),
    ?assertEqual({[Head, damaged | Rest], ok}, read([flip(Bit, file())])).

a_file_without_a_sound_header_is_unreadable_test() ->
    Bit = 8 * iolist_size(ecm_restart_records:header(?HEADER)) - 1,
    ?assertEqual({[], {error, unreadable}}, read([flip(Bit, file())])),
    {ok, Session} = ecm_restart_records:session(<<"first">>),
    <<Magic:?MAGIC_SIZE/binary, _/binary>> = file(),
    ?assertEqual({[], {error, unreadable}}, read([iolist_to_binary([Magic, Session])])).

a_file_of_another_version_is_told_apart_test() ->
    <<Magic:(?MAGIC_SIZE - 2)/binary, 1:16, Rest/binary>> = file(),
    ?assertEqual({[], {error, {version, 2}}}, read([<<Magic/binary, 2:16, Rest/binary>>])).

another_file_is_told_apart_test() ->
    [?assertEqual({[], {error, foreign}}, read([Other]))
     || Other <- [<<"#!/bin/sh\nexit\n\n">>, <<0:800>>, <<"x">>]],
    ?assertEqual({[], {error, truncated}}, read([<<>>])).

%% A length that is too large is not waited for.
a_length_is_limited_test() ->
    Header = iolist_to_binary(ecm_restart_records:header(?HEADER)),
    Frame = <<16#FFFFFFFF:32, 0:32>>,
    Long = <<Header/binary, Frame/binary, (erlang:crc32(Frame)):32>>,
    ?assertEqual({[{header, ?HEADER}], {error, unreadable}}, read([Long])),
    ?assertEqual(too_large, ecm_restart_records:session(<<0:(8 * 134217729)>>)).

sessions() ->
    [<<"one">>, <<>>, binary:copy(<<"three">>, 50), <<0:800>>].

file() ->
    Sessions = [Record || Session <- sessions(), {ok, Record} <- [ecm_restart_records:session(Session)]],
    iolist_to_binary([ecm_restart_records:header(?HEADER), Sessions,
                      ecm_restart_records:the_end(length(Sessions))]).

events() ->
    [{header, ?HEADER}] ++ [{session, Session} || Session <- sessions()] ++ [{the_end, length(sessions())}].

read(Pieces) ->
    {Events, Decoder} = lists:foldl(fun read/2, {[], ecm_restart_records:new()}, Pieces),
    {Events, ecm_restart_records:finish(Decoder)}.

read(Piece, {Before, Decoder}) ->
    {Events, Next} = ecm_restart_records:decode(Piece, Decoder),
    {Before ++ Events, Next}.

pieces(Size, File) ->
    <<First:Size/binary, Second/binary>> = File,
    [First, Second].

flip(Bit, File) ->
    <<Before:Bit/bitstring, Flipped:1, After/bitstring>> = File,
    <<Before/bitstring, (1 - Flipped):1, After/bitstring>>.
