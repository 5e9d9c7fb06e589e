%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Sessions outlive a restart of ejabberd on one node: commands of ejabberdctl write them to a file
%% (ecm_restart_save) and stop ejabberd, and the next start takes them up (ecm_restart_load).

-module(ecm_restart).

-export([ecm_restart/0, ecm_stop/0, register_commands/0, take_up/0]).

-include_lib("ejabberd/include/logger.hrl").
-include_lib("ejabberd/include/ejabberd_commands.hrl").

%% In the folder of Mnesia, which belongs to this node and is ejabberd's alone.
-define(NAME, "ecm-sessions").

%% Milliseconds in which an ECM learns that its link drains, and what it has sent before reaches the
%% sessions. What comes later gets a 503.
-define(DRAIN, 500).

%% Streams that are closed at a time, milliseconds between two such times, and for their sessions to end, or to wait for
%% their clients (XEP-0198). These come back when ejabberd has started.
-define(STREAMS, 500).
-define(STREAMS_PAUSE, 50).
-define(STREAMS_END, 500).

%% Milliseconds in which the answers to those that waited leave, and the command has its own.
-define(GRACE, 500).

%% The commands.

%% @doc Tells ejabberdctl of the commands, as those of mod_ecm. Idempotent.
-spec register_commands() -> ok.
register_commands() ->
    ecm_command:define(commands()).

-spec commands() -> [#ejabberd_commands{}].
commands() ->
    [command(ecm_restart, "Restart ejabberd, and keep the sessions of mod_ecm",
             "Writes the sessions to a file in the folder of the database, restarts the Erlang node, and takes "
             "them up again: nobody over BOSH logs in anew, and streams are resumed (XEP-0198). If they cannot be "
             "written, ejabberd goes on, and so do they."),
     command(ecm_stop, "Stop ejabberd, and keep the sessions of mod_ecm for its next start",
             "Writes the sessions to a file in the folder of the database and stops ejabberd. The next start takes "
             "them up again, if it comes within 15 minutes and is of the same version. If they cannot be written, "
             "ejabberd goes on, and so do they.")].

-spec command(atom(), string(), string()) -> #ejabberd_commands{}.
command(Name, Desc, LongDesc) ->
    #ejabberd_commands{name = Name, tags = [server], desc = Desc, longdesc = LongDesc, module = ?MODULE,
                       function = Name, args = [], result = {res, restuple}}.

%% @private
-spec ecm_restart() -> {ok | error, string()}.
ecm_restart() ->
    case os:getenv("NOTIFY_SOCKET") of
        false ->
            save(fun init:restart/0, "ejabberd restarts, and takes them up");
        _ ->
            {error, "systemd would kill ejabberd some minutes after a restart from inside: use 'ejabberdctl ecm_stop', "
                    "and then 'systemctl start ejabberd'"}
    end.

%% @private
-spec ecm_stop() -> {ok | error, string()}.
ecm_stop() ->
    save(fun init:stop/0, "ejabberd stops, and takes them up when it is started within 15 minutes").

-spec save(fun(() -> ok), Then :: string()) -> {ok | error, string()}.
save(Stop, Then) ->
    case ejabberd_cluster:get_nodes() of
        [_] ->
            saved(alone(fun(Tell) -> save_and_stop(Tell, Stop) end), Then);
        _ ->
            {error, "other nodes of the cluster run: move the sessions there (ejabberdctl ecm_evacuate all), and then "
                    "restart ejabberd"}
    end.

%% The process that has written them has the name until the end: no other command writes them again, and nobody takes
%% them up before the next start.
-spec save_and_stop(Tell :: fun((Saved) -> any()), Stop :: fun(() -> ok)) -> Saved when
      Saved :: {ok, ecm_restart_save:result()} | {error, term()}.
save_and_stop(Tell, Stop) ->
    case save() of
        {ok, _} = Saved ->
            Tell(Saved),
            timer:sleep(?GRACE),
            Stop(),
            timer:sleep(infinity);
        Error ->
            Error
    end.

%% No requests come any more once the links drain; those that are on their way are repeated.
-spec save() -> {ok, ecm_restart_save:result()} | {error, term()}.
save() ->
    ok = ecm_link_gate:close(),
    ok = timer:sleep(?DRAIN),
    ok = close_streams(ecm_link_stream_table:sessions()),
    ecm_restart_save:run(path(), header(), fun say/1).

-spec close_streams([pid()]) -> ok.
close_streams([]) ->
    ok;
close_streams(Sessions) ->
    say(io_lib:format("waited for: ~B streams are closed", [length(Sessions)])),
    ecm_command_pace:in_steps(?STREAMS, ?STREAMS_PAUSE, fun ecm_link_stream:leave/1, Sessions),
    timer:sleep(?STREAMS_END).

-spec saved({ok, ecm_restart_save:result()} | {error, term()}, Then :: string()) -> {ok | error, string()}.
saved({ok, #{sessions := Sessions, bytes := Bytes, seconds := Seconds, skipped := Skipped}}, Then) ->
    Text = text("~B sessions are written, ~B bytes in ~s~s; ~s",
                [Sessions, Bytes, Seconds, skipped(Skipped), Then]),
    ?INFO_MSG("~ts", [Text]),
    {ok, Text};
saved({error, busy}, _) ->
    {error, "another command writes the sessions already, or stops ejabberd"};
saved({error, Reason}, _) ->
    ok = ecm_link_gate:open(),
    Text = text("~ts cannot be written: ~ts. ejabberd goes on, with all sessions", [path(), why(Reason)]),
    ?ERROR_MSG("~ts", [Text]),
    {error, Text}.

-spec skipped(non_neg_integer()) -> iolist().
skipped(0) -> "";
skipped(Number) -> io_lib:format(" (~B others end, see the log)", [Number]).

-spec why(term()) -> unicode:chardata().
why({freezer, Reason}) -> io_lib:format("~0P", [Reason, 30]);
why({crashed, Reason}) -> io_lib:format("~0P", [Reason, 30]);
why(Reason) -> file:format_error(Reason).

%% ejabberdctl takes a flat string.
-spec text(io:format(), [term()]) -> string().
text(Format, Arguments) ->
    lists:flatten(io_lib:format(Format, Arguments)).

-spec path() -> file:filename_all().
path() ->
    filename:join(mnesia:system_info(directory), ?NAME).

-spec header() -> map().
header() ->
    #{node => node(), saved => erlang:system_time(millisecond), key => ecm_sid_key:get(),
      salt => ecm_restart_check:salt()}.

%% For the log, and for whoever waits for the command.
-spec say(iolist()) -> any().
say(Text) ->
    ?INFO_MSG("Sessions are ~ts", [Text]),
    print(node(group_leader()), Text).

-spec print(node(), iolist()) -> any().
print(Node, _) when Node =:= node() ->
    none;
print(_, Text) ->
    try io:format("~ts~n", [Text])
    catch error:_ -> none  % nobody waits any more
    end.

%% After the start.

%% @doc Takes up the sessions that wait for it, if there are any. Returns when they are there. Any listener or module
%% may call this; one of them does it.
-spec take_up() -> ok.
take_up() ->
    case alone(fun(_) -> ecm_restart_load:run(path()) end) of
        ok -> ok;
        {error, busy} -> await(whereis(?MODULE));
        {error, {crashed, Reason}} -> ?ERROR_MSG("The sessions could not be taken up: ~0P", [Reason, 30])
    end.

-spec await(pid() | undefined) -> ok.
await(undefined) ->
    ok;
await(Other) ->
    Monitor = monitor(process, Other),
    receive {'DOWN', Monitor, process, _, _} -> ok end.

%% Does something in a process of its own, of which there is one at a time. It may tell its result before its end.
-spec alone(fun((Tell :: fun((Result) -> any())) -> Result)) -> Result | {error, busy | {crashed, term()}}.
alone(Work) ->
    Caller = self(),
    Ref = make_ref(),
    Tell = fun(Result) -> Caller ! {Ref, Result} end,
    {Pid, Monitor} = spawn_monitor(fun() -> exit({done, registered(fun() -> Work(Tell) end)}) end),
    receive
        {Ref, Result} -> demonitor(Monitor, [flush]), Result;
        {'DOWN', Monitor, process, Pid, {done, Result}} -> Result;
        {'DOWN', Monitor, process, Pid, Reason} -> {error, {crashed, Reason}}
    end.

-spec registered(fun(() -> Result)) -> Result | {error, busy}.
registered(Work) ->
    try register(?MODULE, self()) of
        true -> Work()
    catch
        error:badarg -> {error, busy}
    end.
