%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The end of the sessions when ejabberd stops: while everything else still runs, so that what their clients
%% have not received goes to offline storage, or wherever it goes without them. ejabberd would leave them only the
%% time until the modules stop.

-module(ecm_c2s_stop).

-export([end_all/0, leave/1]).

-include_lib("ejabberd/include/logger.hrl").
-include_lib("ejabberd/include/ejabberd_sm.hrl").

%% Milliseconds in which ECMs learn that their links drain. Nobody sends any more then, and stanzas are stored
%% in the order in which they came.
-define(DRAIN, 500).

%% Sessions that end at the same time: each is awake then, and waits 100 ms for stanzas that are on their way to it.
-define(AT_ONCE, 1000).

%% Milliseconds for all of them, and between two lines of the log. systemd gives ejabberd 300 s to stop, and
%% `ejabberdctl stopped' waits for 60 s.
-define(PATIENCE, 120000).
-define(PROGRESS, 5000).

%% `awaited' are those that are ending, by the monitor; `log_at' is the time of the next line.
-record(ending, {left :: [pid()], awaited = #{} :: #{reference() => pid()}, all :: non_neg_integer(),
                 until :: integer(), log_at :: integer()}).

%% @doc Ends all sessions of this node, and returns when they have ended, or when that takes too long.
-spec end_all() -> ok.
end_all() ->
    case sessions() of
        [] -> ok;
        Sessions ->
            ?INFO_MSG("ejabberd stops: ~B sessions end, and what their clients have not received is stored",
                      [length(Sessions)]),
            drain(whereis(ejabberd_sm)),
            Now = now_ms(),
            await(more(#ending{left = Sessions, all = length(Sessions), until = Now + ?PATIENCE,
                               log_at = Now + ?PROGRESS}))
    end.

%% ejabberd_admin:stop/0, if somebody calls it by hand, has stopped ejabberd_sm, and with it the
%% sessions, before anybody could be told.
-spec drain(pid() | undefined) -> ok.
drain(undefined) -> ok;
drain(_) -> timer:sleep(?DRAIN).

%% Those that have logged in. The others have nothing that anybody waits for.
-spec sessions() -> [pid()].
sessions() ->
    [Session || #session{sid = {_, Session}, info = Info} <- ejabberd_sm:dirty_get_my_sessions_list(),
                is_ours(proplists:get_value(conn, Info), Session)].

%% Sessions of ejabberd's own mod_bosh are also ended here, and nobody has to ask most processes.
-spec is_ours(Conn :: atom(), pid()) -> boolean().
is_ours(http_bind, _) -> true;
is_ours(_, Session) -> ecm_c2s_process:is_session(Session).

-spec more(#ending{}) -> #ending{}.
more(#ending{left = [Session | Left], awaited = Awaited} = Ending) when map_size(Awaited) < ?AT_ONCE ->
    Monitor = monitor(process, Session),
    ejabberd_c2s:send(Session, xmpp:serr_system_shutdown()),
    ejabberd_c2s:stop_async(Session),
    more(Ending#ending{left = Left, awaited = Awaited#{Monitor => Session}});
more(Ending) ->
    Ending.

-spec await(#ending{}) -> ok.
await(#ending{left = [], awaited = Awaited}) when map_size(Awaited) =:= 0 ->
    ok;
await(#ending{awaited = Awaited, until = Until, log_at = LogAt} = Ending) ->
    receive
        {'DOWN', Monitor, process, _, _} ->
            await(more(Ending#ending{awaited = maps:remove(Monitor, Awaited)}))
    after max(0, min(Until, LogAt) - now_ms()) ->
        case now_ms() >= Until of
            true -> give_up(rest(Ending), Ending);
            false -> await(log(rest(Ending), Ending))
        end
    end.

-spec rest(#ending{}) -> non_neg_integer().
rest(#ending{left = Left, awaited = Awaited}) ->
    length(Left) + map_size(Awaited).

-spec log(non_neg_integer(), #ending{}) -> #ending{}.
log(Rest, #ending{all = All} = Ending) ->
    ?INFO_MSG("ejabberd stops: ~B of ~B sessions have ended", [All - Rest, All]),
    Ending#ending{log_at = now_ms() + ?PROGRESS}.

-spec give_up(non_neg_integer(), #ending{}) -> ok.
give_up(Rest, #ending{awaited = Awaited}) ->
    lists:foreach(fun(Monitor) -> demonitor(Monitor, [flush]) end, maps:keys(Awaited)),
    ?WARNING_MSG("ejabberd stops: ~B sessions have not ended in ~B seconds, and what their clients have not received "
                 "may be lost", [Rest, ?PATIENCE div 1000]).

-spec now_ms() -> integer().
now_ms() ->
    erlang:monotonic_time(millisecond).

%% @doc Has the calling session, which is ending, leave the table of sessions, and routes what is in its mailbox.
%% ejabberd_c2s has done so, unless ejabberd is stopping and has taken that hook away. What is routed to the user
%% from now on would come back to this process otherwise.
-spec leave(State :: map()) -> ok.
leave(#{sid := Sid, jid := Jid, user := User, server := Server, resource := Resource}) ->
    case lists:member(Sid, ejabberd_sm:get_session_sids(User, Server, Resource)) of
        true ->
            ejabberd_sm:close_session(Sid, User, Server, Resource),
            ejabberd_c2s:bounce_message_queue(Sid, Jid);
        false ->
            ok
    end;
leave(_) ->
    ok.
