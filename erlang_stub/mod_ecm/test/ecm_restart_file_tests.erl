%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The file of sessions: atomic, its owner's alone, and read once.

-module(ecm_restart_file_tests).

-include_lib("eunit/include/eunit.hrl").
-include_lib("kernel/include/file.hrl").

-define(HEADER, #{node => node()}).

what_is_written_is_read_once_test() ->
    ecm_scratch:with_folder(fun(Folder) ->
        Path = write(Folder, [<<"one">>, <<"two">>]),
        {ok, Taken} = ecm_restart_file:take(Path),
        ?assertEqual(none, ecm_restart_file:take(Path)),
        ?assertEqual({ok, [{header, ?HEADER}, {session, <<"one">>}, {session, <<"two">>}, {the_end, 2}]},
                     read(Taken)),
        ok = ecm_restart_file:delete(Taken),
        ?assertEqual({ok, []}, file:list_dir(Folder))
    end).

%% More than is read at once, and than is collected before it is written.
a_long_file_is_read_in_pieces_test() ->
    ecm_scratch:with_folder(fun(Folder) ->
        Sessions = [crypto:strong_rand_bytes(100000) || _ <- lists:seq(1, 30)],
        {ok, Taken} = ecm_restart_file:take(write(Folder, Sessions)),
        {ok, Events} = read(Taken),
        ?assertEqual(Sessions, [Session || {session, Session} <- Events])
    end).

%% Not even in the moment in which it is made, with whatever mode.
nobody_else_can_read_it_test() ->
    ecm_scratch:with_folder(fun(Folder) ->
        Path = filename:join(Folder, "sessions"),
        {ok, Draft} = ecm_restart_file:create(Path, ?HEADER),
        [Private] = filelib:wildcard(filename:join(Folder, "*")),
        [Begun] = filelib:wildcard(filename:join(Private, "*")),
        ?assertEqual({8#700, 8#600}, {mode(Private), mode(Begun)}),
        ok = ecm_restart_file:commit(Draft),
        ?assertEqual(8#600, mode(Path))
    end).

%% Its terms are decoded without further ado.
a_file_that_others_can_write_is_not_read_test() ->
    ecm_scratch:with_folder(fun(Folder) ->
        Path = write(Folder, [<<"one">>]),
        [begin
             ok = file:change_mode(Path, Mode),
             ?assertEqual({{error, open_to_others}, []}, read(Path))
         end || Mode <- [8#620, 8#602]]
    end).

it_has_no_name_before_it_is_whole_test() ->
    ecm_scratch:with_folder(fun(Folder) ->
        Path = filename:join(Folder, "sessions"),
        {ok, Draft} = ecm_restart_file:create(Path, ?HEADER),
        {ok, Next} = ecm_restart_file:append(<<"one">>, Draft),
        ?assertEqual(none, ecm_restart_file:take(Path)),
        ?assertMatch({1, Bytes} when Bytes > 0, ecm_restart_file:size(Next)),
        ok = ecm_restart_file:discard(Next),
        ?assertEqual({ok, []}, file:list_dir(Folder))
    end).

%% A beam was killed while it wrote.
a_draft_that_was_left_behind_is_replaced_test() ->
    ecm_scratch:with_folder(fun(Folder) ->
        {ok, Left} = ecm_restart_file:create(filename:join(Folder, "sessions"), #{left => behind}),
        {ok, _} = ecm_restart_file:append(<<"lost">>, Left),
        {ok, Taken} = ecm_restart_file:take(write(Folder, [<<"one">>])),
        ?assertEqual({ok, [{header, ?HEADER}, {session, <<"one">>}, {the_end, 1}]}, read(Taken))
    end).

%% It was a file.
a_draft_of_an_earlier_release_is_replaced_test() ->
    ecm_scratch:with_folder(fun(Folder) ->
        ok = file:write_file(filename:join(Folder, "sessions.new"), <<"lost">>),
        {ok, Taken} = ecm_restart_file:take(write(Folder, [<<"one">>])),
        ?assertMatch({ok, [_, {session, <<"one">>}, {the_end, 1}]}, read(Taken))
    end).

%% Of a beam that was killed while it wrote, or read. They hold secrets.
files_that_were_left_behind_are_deleted_test() ->
    ecm_scratch:with_folder(fun(Folder) ->
        {ok, _} = ecm_restart_file:take(write(Folder, [<<"one">>])),
        Path = write(Folder, [<<"two">>]),
        {ok, _} = ecm_restart_file:create(Path, ?HEADER),
        ?assertEqual(2, length(ecm_restart_file:sweep(Path))),
        ?assertEqual([], ecm_restart_file:sweep(Path)),
        ?assertEqual({ok, ["sessions"]}, file:list_dir(Folder))
    end).

%% What was read before the fault counts.
a_file_that_ends_early_is_read_as_far_as_it_goes_test() ->
    ecm_scratch:with_folder(fun(Folder) ->
        Path = write(Folder, [<<"one">>, <<"two">>]),
        {ok, Bytes} = file:read_file(Path),
        ok = file:write_file(Path, binary:part(Bytes, 0, byte_size(Bytes) - 20)),
        ?assertMatch({{error, truncated}, [{header, _}, {session, <<"one">>} | _]}, read(Path))
    end).

a_folder_that_is_not_there_is_an_error_test() ->
    ?assertEqual({error, enoent}, ecm_restart_file:create("/nowhere/sessions", ?HEADER)),
    ?assertEqual(none, ecm_restart_file:take("/nowhere/sessions")).

%% The device takes nothing; and what is collected fails later, at the latest when it is committed.
a_full_disc_is_an_error_that_leaves_nothing_test() ->
    ecm_scratch:with_folder(fun(Folder) ->
        Path = filename:join(Folder, "sessions"),
        {ok, Draft} = ecm_restart_file:create(Path, ?HEADER),
        {ok, Full} = file:open("/dev/full", [write, raw, binary, {delayed_write, 1048576, 2000}]),
        Next = setelement(2, Draft, Full),
        ?assertEqual({error, enospc}, fill(100, Next)),
        ?assertEqual({ok, []}, file:list_dir(Folder))
    end).

fill(0, Draft) ->
    ecm_restart_file:commit(Draft);
fill(Times, Draft) ->
    case ecm_restart_file:append(<<0:800000>>, Draft) of
        {ok, Next} -> fill(Times - 1, Next);
        {error, Reason} -> {error, Reason}
    end.

a_full_disc_is_noticed_by_a_short_file_test() ->
    ecm_scratch:with_folder(fun(Folder) ->
        {ok, Draft} = ecm_restart_file:create(filename:join(Folder, "sessions"), ?HEADER),
        {ok, Full} = file:open("/dev/full", [write, raw, binary, {delayed_write, 1048576, 2000}]),
        ?assertEqual({error, enospc}, ecm_restart_file:commit(setelement(2, Draft, Full))),
        ?assertEqual({ok, []}, file:list_dir(Folder))
    end).

a_session_that_is_too_large_leaves_the_others_test() ->
    ecm_scratch:with_folder(fun(Folder) ->
        Path = filename:join(Folder, "sessions"),
        {ok, Draft} = ecm_restart_file:create(Path, ?HEADER),
        ?assertEqual(too_large, ecm_restart_file:append(<<0:(8 * 134217729)>>, Draft)),
        {ok, Next} = ecm_restart_file:append(<<"one">>, Draft),
        ok = ecm_restart_file:commit(Next),
        ?assertMatch({ok, [_, {session, <<"one">>}, {the_end, 1}]}, read(Path))
    end).

write(Folder, Sessions) ->
    Path = filename:join(Folder, "sessions"),
    {ok, Draft} = ecm_restart_file:create(Path, ?HEADER),
    Append = fun(Session, Before) -> {ok, Next} = ecm_restart_file:append(Session, Before), Next end,
    ok = ecm_restart_file:commit(lists:foldl(Append, Draft, Sessions)),
    Path.

read(Path) ->
    {Result, Events} = ecm_restart_file:read(Path, fun(Event, Events) -> [Event | Events] end, []),
    {Result, lists:reverse(Events)}.

mode(Path) ->
    {ok, #file_info{mode = Mode}} = file:read_file_info(Path),
    Mode band 8#777.
