%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The BOSH sessions that ejabberd has itself (mod_bosh), as a link needs them.
%%
%% The body of a request goes in, and the body of its answer comes out, always with the status 200,
%% because a link that knows only the packet cannot carry another one. ejabberd answers with an
%% empty body where the status says it all; clients take that for a broken answer, so it becomes
%% the terminate condition of the same meaning (XEP-0124, section 17.2).

-module(ecm_bosh).

-export([ask/2, content/2, report_missing/0, terminate/1]).

-include_lib("ejabberd/include/logger.hrl").

%% @doc Gives a request to its session. Returns when there is an answer: at once, or once something
%% has happened, or when the time is up that the client wants to wait. mod_bosh is not there if it
%% is missing in the configuration, and while ejabberd stops, because links stop later.
-spec ask(Body :: binary(), ecm_peer:peer()) -> iodata().
ask(Body, Peer) ->
    try ejabberd_bosh:process_request(Body, Peer, xml) of
        {Status, _Reason, _Headers, Answer} -> content(Status, Answer)
    catch
        error:{module_not_loaded, mod_bosh, _} -> terminate(<<"system-shutdown">>)
    end.

%% @doc Returns what stands for an answer where the status is always 200.
-spec content(Status :: 100..599, Answer :: iodata()) -> iodata().
content(200, Answer) -> Answer;
content(400, _) -> terminate(<<"bad-request">>);
content(403, _) -> terminate(<<"policy-violation">>);
content(_, _) -> terminate(<<"undefined-condition">>).

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
