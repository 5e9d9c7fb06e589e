%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The BOSH sessions that ejabberd has itself (mod_bosh), as a link needs them.
%%
%% The body of a request goes in, and status and body of its answer come out. ejabberd answers with
%% an empty body where the status says it all; clients take that for a broken answer, and a plain
%% link does not carry the status, so it becomes the terminate condition of the same meaning
%% (XEP-0124, section 17.2).

-module(ecm_bosh).

-export([ask/2, content/2, gone/1, report_missing/0, terminate/1]).

-include_lib("ejabberd/include/logger.hrl").

%% The size of the record `state' of ejabberd_bosh, and where it has what gone/1 needs: the timer
%% that ends the time the client wants to wait, the RID of its last request, and who waits for which
%% RID's answer.
-define(STATE_SIZE, 21).
-define(WAIT_TIMER, 10).
-define(LAST_RID, 13).
-define(RECEIVERS, 18).

%% Milliseconds of the first and the last pause before gone/1 looks again; each is twice the last.
-define(FIRST_PAUSE, 10).
-define(LAST_PAUSE, 640).

%% @doc Gives a request to its session. Returns when there is an answer: at once, or once something
%% has happened, or when the time is up that the client wants to wait. mod_bosh is not there if it
%% is missing in the configuration, and while ejabberd stops, because links stop later.
-spec ask(Body :: binary(), Client :: ecm_peer:peer()) -> {Status :: 200..599, iodata()}.
ask(Body, Client) ->
    try ejabberd_bosh:process_request(Body, address(Client), xml) of
        {Status, _Reason, _Headers, Answer} -> content(Status, Answer)
    catch
        error:{module_not_loaded, mod_bosh, _} -> {200, terminate(<<"system-shutdown">>)}
    end.

%% The rest of ejabberd takes it for granted that a session has an IP address.
-spec address(ecm_peer:peer()) -> {inet:ip_address(), inet:port_number()}.
address({local, _}) -> {{127, 0, 0, 1}, 0};
address(Client) -> Client.

%% @doc Returns an answer that has a body.
-spec content(Status :: 200..599, Answer :: iodata()) -> {200..599, iodata()}.
content(200, Answer) -> {200, Answer};
content(400, _) -> {400, terminate(<<"bad-request">>)};
content(403, _) -> {403, terminate(<<"policy-violation">>)};
content(Status, _) -> {Status, terminate(<<"undefined-condition">>)}.

%% @doc Takes back the request of a client that has gone, from the session that holds it for the
%% process `Exchange'. A session of ejabberd does not notice: it would hold the request for the
%% rest of the time, put stanzas into an answer that nobody gets, and only then begin to count its
%% inactivity. Here the time is up at once, and the answer is an empty one.
%%
%% There is no call for that, so this does what the session's timer does. Where ejabberd turns out
%% to be another one than was looked at, nothing is done. May take a second: the request may not
%% have reached its session yet.
-spec gone(Exchange :: pid()) -> ok.
gone(Exchange) ->
    try
        gone(Exchange, ?FIRST_PAUSE)
    catch Class:Reason ->
        ?DEBUG("A request whose client has gone stays held: ~s:~0P", [Class, Reason, 20])
    end.

-spec gone(pid(), Pause :: pos_integer()) -> ok.
gone(Exchange, Pause) ->
    case is_process_alive(Exchange) andalso not take_back(Exchange, session(Exchange)) of
        true when Pause =< ?LAST_PAUSE ->
            timer:sleep(Pause),
            gone(Exchange, 2 * Pause);
        true ->
            ?DEBUG("A request whose client has gone is not held by a session", []);
        false ->
            ok
    end.

%% Who asks a session watches it until there is an answer.
-spec session(pid()) -> pid() | none.
session(Exchange) ->
    case process_info(Exchange, monitors) of
        {monitors, [{process, Session}]} when is_pid(Session) -> Session;
        _ -> none
    end.

-spec take_back(pid(), Session :: pid() | none) -> boolean().
take_back(_, none) ->
    false;
take_back(Exchange, Session) ->
    case sys:get_state(Session) of
        [_Name, active, State, ejabberd_bosh | _] when tuple_size(State) =:= ?STATE_SIZE ->
            Last = element(?LAST_RID, State),
            case gb_trees:lookup(Last, element(?RECEIVERS, State)) of
                {value, {{Exchange, _Tag}, _Body}} ->
                    end_wait(Session, element(?WAIT_TIMER, State));
                _ ->
                    false
            end;
        _ ->
            false
    end.

%% A timer that could be stopped has not fired, and will not. So the session gets its message once.
-spec end_wait(Session :: pid(), Timer :: reference()) -> boolean().
end_wait(Session, Timer) ->
    case erpc:call(node(Session), erlang, cancel_timer, [Timer]) of
        false ->
            false;
        _Left ->
            Session ! {timeout, Timer, wait_timeout},
            true
    end.

%% @doc Returns the body that ends a session with a condition.
-spec terminate(Condition :: binary()) -> binary().
terminate(Condition) ->
    <<"<body type='terminate' condition='", Condition/binary,
      "' xmlns='http://jabber.org/protocol/httpbind'/>">>.

%% @doc Logs one error if no host of this server is configured to have BOSH sessions. Whether they
%% have started does not count: after a change of the configuration listeners start before modules.
-spec report_missing() -> ok.
report_missing() ->
    case lists:any(fun has_sessions/1, ejabberd_option:hosts()) of
        true ->
            ok;
        false ->
            ?ERROR_MSG("mod_ecm cannot start a session without mod_bosh: "
                       "add the line 'mod_bosh: {}' to 'modules' in ejabberd.yml", [])
    end.

-spec has_sessions(Host :: binary()) -> boolean().
has_sessions(Host) ->
    lists:keymember(mod_bosh, 1, ejabberd_option:modules(Host)).
