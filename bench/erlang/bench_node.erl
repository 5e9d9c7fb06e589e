%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc What can be measured from within a node only. It reads lines from stdin, each a command, and
%% answers each with a line of JSON on stdout, or with `failed' and a reason. The end of stdin stops the
%% node.
%%
%% prepare          keeps all tables in memory, as an operator of many users would, who has no SQL: a
%%                  table that is on disc alone is read by one process, at each login
%% versions         of ejabberd and Erlang
%% memory           bytes: erlang:memory/0, and all tables of ets, by name
%% census           what a leak would add to: erlang:memory/0, bytes of all carriers of the allocators,
%%                  how many processes, ports, atoms and tables, rows of each table of Mnesia
%% processes        by what they were started with: how many, their bytes, how many hibernate
%% sessions         how many users are online
%% announce BYTES   sends everyone who is online a message with a body of so many bytes
%% local            the users who are online on this node, one of a cluster
%% kick             ends all sessions, as an administrator does
%% kill             kills the processes of all sessions, which can do nothing more
%% busy COUNT SECONDS  has so many processes count, at high priority

-module(bench_node).
-export([start/0]).

-define(HOST, <<"localhost">>).

%% What ejabberd logs to the terminal has to go: nobody reads it before the next answer is wanted,
%% and a full pipe would hold up the node.
start() ->
    _ = logger:remove_handler(default),
    spawn(fun listen/0).

listen() ->
    case io:get_line("") of
        Line when is_list(Line) ->
            answer(string:lexemes(Line, " \n")),
            listen();
        _ ->
            init:stop()
    end.

%% Each in a process of its own, so that nothing of it stays in the memory of this one.
answer(Command) ->
    {Pid, Monitor} = spawn_monitor(fun() -> print(run(Command)) end),
    receive
        {'DOWN', Monitor, process, Pid, normal} -> ok;
        {'DOWN', Monitor, process, Pid, Reason} -> io:format("failed ~0p~n", [Reason])
    end.

print(Answer) ->
    io:put_chars([encode(Answer), $\n]).

%% Erlang has its own from OTP 27 on, and ejabberd then needs no other.
encode(Answer) ->
    case code:ensure_loaded(json) of
        {module, json} -> json:encode(Answer);
        {error, _} -> jiffy:encode(Answer)
    end.

run(["prepare"]) ->
    Tables = [Table || Table <- mnesia:system_info(tables),
                       mnesia:table_info(Table, storage_type) =:= disc_only_copies],
    [{atomic, ok} = mnesia:change_table_copy_type(Table, node(), disc_copies) || Table <- Tables],
    #{tables => Tables};
run(["versions"]) ->
    #{'ejabberd' => ejabberd_option:version(),
      'Erlang/OTP' => list_to_binary(erlang:system_info(otp_release))};
run(["memory"]) ->
    #{memory => maps:from_list(erlang:memory()), tables => tables()};
run(["census"]) ->
    #{memory => maps:from_list(erlang:memory()),
      carriers => lists:sum([carriers(Allocator) || Allocator <- erlang:system_info(alloc_util_allocators)]),
      processes => erlang:system_info(process_count),
      ports => erlang:system_info(port_count),
      atoms => erlang:system_info(atom_count),
      tables => length(ets:all()),
      sessions => ejabberd_sm:get_vh_session_number(?HOST),
      rows => maps:from_list([{Table, mnesia:table_info(Table, size)}
                              || Table <- mnesia:system_info(tables)])};
run(["processes"]) ->
    lists:foldl(fun count_process/2, #{}, processes());
run(["sessions"]) ->
    #{sessions => ejabberd_sm:get_vh_session_number(?HOST)};
run(["announce", Bytes]) ->
    Body = binary:copy(<<"m">>, list_to_integer(Bytes)),
    Users = [{User, Resource} || {User, _, Resource} <- ejabberd_sm:get_vh_session_list(?HOST)],
    lists:foreach(fun(User) -> send(User, Body) end, Users),
    #{sent => length(Users)};
run(["local"]) ->
    Online = ejabberd_sm:get_vh_session_list(?HOST),
    #{users => [User || {User, Host, Resource} <- Online,
                        Pid <- [ejabberd_sm:get_session_pid(User, Host, Resource)],
                        is_pid(Pid), node(Pid) =:= node()]};
run(["kick"]) ->
    Jids = [jid:make(Session) || Session <- ejabberd_sm:get_vh_session_list(?HOST)],
    [ejabberd_sm:route(Jid, {exit, <<"Kicked by the lab">>}) || Jid <- Jids],
    #{kicked => length(Jids)};
run(["kill"]) ->
    Sessions = [ejabberd_sm:get_session_pid(User, Host, Resource)
                || {User, Host, Resource} <- ejabberd_sm:get_vh_session_list(?HOST)],
    [exit(Pid, kill) || Pid <- Sessions, is_pid(Pid)],
    #{killed => length(Sessions)};
run(["busy", Count, Seconds]) ->
    End = erlang:monotonic_time(millisecond) + list_to_integer(Seconds) * 1000,
    [spawn_opt(fun() -> count_until(End) end, [{priority, high}])
     || _ <- lists:seq(1, list_to_integer(Count))],
    #{until => End}.

count_until(End) ->
    case erlang:monotonic_time(millisecond) < End of
        true -> count_until(End);
        false -> ok
    end.

send({User, Resource}, Body) ->
    Message = {xmlel, <<"message">>, [{<<"type">>, <<"headline">>}],
               [{xmlel, <<"body">>, [], [{xmlcdata, Body}]}]},
    Decoded = xmpp:decode(Message, <<"jabber:client">>, []),
    From = jid:make(<<>>, ?HOST),
    ejabberd_router:route(xmpp:set_from_to(Decoded, From, jid:make(User, ?HOST, Resource))).

%% Not of alloc_util where it is switched off.
carriers(Allocator) ->
    case erlang:system_info({allocator_sizes, Allocator}) of
        Instances when is_list(Instances) ->
            lists:sum([element(2, lists:keyfind(carriers_size, 1, Sizes))
                       || {instance, _, Kinds} <- Instances, {Kind, Sizes} <- Kinds,
                          Kind =:= mbcs orelse Kind =:= sbcs]);
        _ ->
            0
    end.

tables() ->
    Word = erlang:system_info(wordsize),
    lists:foldl(fun(Table, Sizes) -> add_table(Table, Word, Sizes) end, #{}, ets:all()).

add_table(Table, Word, Sizes) ->
    case {ets:info(Table, name), ets:info(Table, memory)} of
        {Name, Words} when is_atom(Name), is_integer(Words) ->
            maps:update_with(Name, fun(Size) -> Size + Words * Word end, Words * Word, Sizes);
        _ ->
            Sizes  % it has gone meanwhile
    end.

count_process(Pid, Kinds) ->
    case process_info(Pid, [dictionary, initial_call, memory, current_function]) of
        [{dictionary, Dictionary}, {initial_call, Call}, {memory, Bytes}, {_, Current}] ->
            Name = name(proplists:get_value('$initial_call', Dictionary, started(Call))),
            Sleeps = case Current of {erlang, hibernate, 3} -> 1; _ -> 0 end,
            maps:update_with(Name, fun(Kind) -> add(Kind, Bytes, Sleeps) end,
                             #{count => 1, bytes => Bytes, hibernating => Sleeps}, Kinds);
        undefined ->
            Kinds
    end.

%% All processes of proc_lib have a dictionary but the sessions of mod_ecm that sleep.
started({proc_lib, init_p, 5}) -> {xmpp_stream_in, init, 1};
started(Call) -> Call.

add(#{count := Count, bytes := Bytes, hibernating := Sleeping}, More, Sleeps) ->
    #{count => Count + 1, bytes => Bytes + More, hibernating => Sleeping + Sleeps}.

name({Module, Function, Arity}) ->
    iolist_to_binary(io_lib:format("~s:~s/~B", [Module, Function, Arity])).
