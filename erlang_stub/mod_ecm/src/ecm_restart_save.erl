%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Writes all sessions of this node to a file, before ejabberd stops.
%%
%%     calling process: append <-- sessions --+-- freezer: freeze, then wait; finish or resume
%%                                            +-- freezer: ...
%%
%% A session stops when it is frozen, and is written. Once the file is complete and on disc, all sessions end,
%% unnoticed. If anything fails before, they go on. A freezer that ends with its sessions frozen has them go on, too.

-module(ecm_restart_save).

-export([run/3]).
-export_type([result/0]).

-include_lib("ejabberd/include/logger.hrl").
-include_lib("ejabberd/include/ejabberd_sm.hrl").

%% Freezers for each scheduler. Each waits for its session, and for the file.
-define(FREEZERS, 4).

%% Times that a session is asked which has something to do, and milliseconds between them.
-define(TRIES, 50).
-define(PAUSE, 20).

%% `skipped' sessions could not be frozen; they end when ejabberd stops.
-type result() :: #{sessions := non_neg_integer(), skipped := non_neg_integer(), bytes := non_neg_integer(),
                    seconds := iolist()}.

%% Is told how far it is.
-type say() :: fun((iolist()) -> any()).

%% `sample' is the first session that was written.
-record(save, {draft :: ecm_restart_file:draft(), sample = none :: ecm_restart_deflate:sample(),
               freezers :: #{pid() => reference()}, working :: non_neg_integer(),
               skipped = #{} :: #{term() => pos_integer()}, done = 0 :: non_neg_integer(),
               progress :: ecm_restart_progress:progress(), say :: say()}).

%% @doc Writes the sessions, with this salt in the header.
-spec run(file:filename_all(), Header :: map(), say()) -> {ok, result()} | {error, term()}.
run(Path, #{salt := Salt} = Header, Say) ->
    Sessions = sessions(),
    case ecm_restart_file:create(Path, Header#{sessions => length(Sessions)}) of
        {ok, Draft} ->
            Parent = self(),
            Parts = parts(Sessions, ?FREEZERS * erlang:system_info(schedulers_online)),
            Freezers = [spawn_monitor(fun() -> freezer(Part, Salt, Parent) end) || Part <- Parts],
            collect(#save{draft = Draft, freezers = maps:from_list(Freezers), working = length(Freezers), say = Say,
                          progress = ecm_restart_progress:new(length(Sessions), now_ms())});
        {error, Reason} ->
            {error, Reason}
    end.

%% Those that have logged in. The others begin anew.
-spec sessions() -> [pid()].
sessions() ->
    [Session || #session{sid = {_, Session}} <- ejabberd_sm:dirty_get_my_sessions_list(),
                ecm_c2s_process:is_session(Session)].

%% In each of so many parts, sessions are spread over the whole list.
-spec parts([pid()], Number :: pos_integer()) -> [[pid()]].
parts(Sessions, Number) ->
    Numbered = lists:zip(lists:seq(1, length(Sessions)), Sessions),
    Parts = maps:groups_from_list(fun({N, _}) -> N rem Number end, fun({_, Session}) -> Session end, Numbered),
    maps:values(Parts).

-spec now_ms() -> integer().
now_ms() ->
    erlang:monotonic_time(millisecond).

-spec collect(#save{}) -> {ok, result()} | {error, term()}.
collect(#save{working = 0} = Save) ->
    commit(Save);
collect(#save{draft = Draft, freezers = Freezers, progress = Progress, done = Done} = Save) ->
    receive
        {frozen, Freezer, Session} ->
            appended(ecm_restart_file:append(Session, Draft), Freezer, sampled(Session, Save#save{done = Done + 1}));
        {skipped, _, Reason} ->
            collect(said(skip(Reason, Save#save{done = Done + 1})));
        {frozen_all, _} ->
            collect(Save#save{working = Save#save.working - 1});
        {'DOWN', Monitor, process, Freezer, Reason} when map_get(Freezer, Freezers) =:= Monitor ->
            fail({freezer, Reason}, Save#save{freezers = maps:remove(Freezer, Freezers)})
    after ecm_restart_progress:wait(now_ms(), Progress) ->
        collect(said(Save))
    end.

-spec sampled(binary(), #save{}) -> #save{}.
sampled(Session, #save{sample = none} = Save) -> Save#save{sample = ecm_restart_deflate:sample(Session)};
sampled(_, Save) -> Save.

-spec skip(term(), #save{}) -> #save{}.
skip(Reason, #save{skipped = Skipped} = Save) ->
    Save#save{skipped = maps:update_with(Reason, fun(Number) -> Number + 1 end, 1, Skipped)}.

-spec said(#save{}) -> #save{}.
said(#save{progress = Progress, done = Done, say = Say} = Save) ->
    case ecm_restart_progress:text(Done, now_ms(), Progress) of
        {Text, Next} ->
            Say(["written: ", Text]),
            Save#save{progress = Next};
        none ->
            Save
    end.

-spec appended({ok, ecm_restart_file:draft()} | too_large | {error, term()}, pid(), #save{}) ->
    {ok, result()} | {error, term()}.
appended({ok, Draft}, Freezer, #save{sample = Sample} = Save) ->
    Freezer ! {written, Sample},
    collect(said(Save#save{draft = Draft}));
appended(too_large, Freezer, Save) ->
    Freezer ! let_go,
    collect(said(skip(too_large, Save)));
appended({error, Reason}, _, Save) ->
    undo(Save),
    {error, Reason}.

-spec commit(#save{}) -> {ok, result()} | {error, term()}.
commit(#save{draft = Draft, skipped = Skipped, progress = Progress} = Save) ->
    {Sessions, Bytes} = ecm_restart_file:size(Draft),
    case ecm_restart_file:commit(Draft) of
        ok ->
            tell(finish, Save),
            log_skipped(Skipped),
            {ok, #{sessions => Sessions, skipped => lists:sum(maps:values(Skipped)), bytes => Bytes,
                   seconds => ecm_restart_progress:seconds(now_ms(), Progress)}};
        {error, Reason} ->
            tell(resume, Save),
            {error, Reason}
    end.

-spec log_skipped(#{term() => pos_integer()}) -> any().
log_skipped(Skipped) when map_size(Skipped) =:= 0 ->
    ok;
log_skipped(Skipped) ->
    ?WARNING_MSG("Sessions that cannot be kept over the restart, and end: ~0P", [maps:to_list(Skipped), 40]).

-spec fail(term(), #save{}) -> {error, term()}.
fail(Reason, #save{draft = Draft} = Save) ->
    undo(Save),
    ecm_restart_file:discard(Draft),
    {error, Reason}.

%% The freezers may be in the middle of their work. With them, their sessions go on.
-spec undo(#save{}) -> ok.
undo(#save{freezers = Freezers}) ->
    lists:foreach(fun(Freezer) -> exit(Freezer, kill) end, maps:keys(Freezers)),
    await(Freezers).

%% Returns when all of them have done so.
-spec tell(finish | resume, #save{}) -> ok.
tell(How, #save{freezers = Freezers}) ->
    lists:foreach(fun(Freezer) -> Freezer ! How end, maps:keys(Freezers)),
    await(Freezers).

-spec await(#{pid() => reference()}) -> ok.
await(Freezers) ->
    maps:foreach(fun(_, Monitor) -> receive {'DOWN', Monitor, process, _, _} -> ok end end, Freezers),
    drop_rest().

-spec drop_rest() -> ok.
drop_rest() ->
    receive
        {Word, _, _} when Word =:= frozen; Word =:= skipped -> drop_rest();
        {frozen_all, _} -> drop_rest()
    after 0 -> ok
    end.

%% A freezer.

-spec freezer([pid()], Salt :: binary(), Parent :: pid()) -> ok.
freezer(Sessions, Salt, Parent) ->
    Monitor = monitor(process, Parent),
    Frozen = freeze_all(Sessions, none, #{salt => Salt, parent => Parent, monitor => Monitor}),
    Parent ! {frozen_all, self()},
    receive
        finish -> lists:foreach(fun ecm_c2s_transfer:finish/1, Frozen);
        resume -> lists:foreach(fun ecm_c2s_transfer:resume/1, Frozen);
        {'DOWN', Monitor, process, _, _} -> ok
    end.

%% Returns the sessions that are in the file.
-spec freeze_all([pid()], ecm_restart_deflate:sample(), #{salt := binary(), parent := pid(), monitor := reference()}) ->
    [pid()].
freeze_all([], _, _) ->
    [];
freeze_all([Session | Sessions], Sample, #{salt := Salt, parent := Parent} = Freezer) ->
    case frozen(Session, ?TRIES) of
        {ok, Frozen} ->
            Packed = ecm_restart_deflate:pack(ecm_restart_session:pack(Frozen, Salt), Sample),
            Parent ! {frozen, self(), Packed},
            written(Session, Sessions, Sample, Freezer);
        {error, Reason} ->
            _ = Reason =:= ended orelse (Parent ! {skipped, self(), Reason}),
            freeze_all(Sessions, Sample, Freezer)
    end.

-spec written(pid(), [pid()], ecm_restart_deflate:sample(), map()) -> [pid()].
written(Session, Sessions, Sample, #{monitor := Monitor} = Freezer) ->
    receive
        {written, Next} ->
            [Session | freeze_all(Sessions, Next, Freezer)];
        let_go ->
            _ = ecm_c2s_transfer:resume(Session),
            freeze_all(Sessions, Sample, Freezer);
        {'DOWN', Monitor, process, _, Reason} ->
            exit(Reason)
    end.

-spec frozen(pid(), Tries :: pos_integer()) -> {ok, ecm_c2s_frozen:frozen()} | {error, term()}.
frozen(Session, Tries) ->
    case ecm_c2s_transfer:freeze(Session) of
        {error, busy} when Tries > 1 ->
            timer:sleep(?PAUSE),
            frozen(Session, Tries - 1);
        Result ->
            Result
    end.
