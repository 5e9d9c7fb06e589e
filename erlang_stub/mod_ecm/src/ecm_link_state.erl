%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The states of mod_ecm's end of a link, and what leads from one to another. Pure.

-module(ecm_link_state).

-export([next/0, transitions/0]).
-export_type([state/0, table/0]).

%% Before the first packet a link is `plain_only' (every link is plain to this end), `negotiating' (the
%% packet decides), or `typed_only' (the packet must be hello). It is `authenticating' until ECM has proved
%% that it knows the secret, `resuming' until ECM has said which link it goes on with, and `draining' once this
%% end has announced that it stops.
-type state() ::
    plain_only | negotiating | typed_only | plain | authenticating | resuming | typed | draining | closed.

-type table() :: #{{state(), Event :: atom()} => state()}.

%% @doc Returns the events that each state accepts, with the state after them. An event that has the name
%% of an error code is answered with this error, on connection 0.
-spec transitions() -> [{state(), Event :: atom(), Next :: state()}].
transitions() ->
    [{plain_only, packet, plain},
     {negotiating, packet, plain},
     {negotiating, hello, typed},
     {negotiating, hello_to_resume, resuming},
     {typed_only, hello, typed},
     {typed_only, hello_to_resume, resuming},
     {typed_only, challenge, authenticating},
     {authenticating, proof, typed},
     {authenticating, proof_to_resume, resuming},
     {resuming, resume, typed},
     {typed, stop, draining},
     {plain, content, plain}]
        ++ [{State, Event, State} || State <- [authenticating, resuming],
                                     Event <- [ping, pong, drain, ignored]]
        ++ [{typed, Event, typed} || Event <- open()]
        ++ [{draining, Event, draining} || Event <- open()]
        ++ [{State, Event, closed} || {State, Events} <- ends(), Event <- Events].

%% Events that do not change the state of a link that is open for requests.
-spec open() -> [atom()].
open() ->
    [request, open, message, more, leave, unwanted, gone, refused, complaint, ping, pong, inspect, drain, nodes, ack,
     ignored, due].

-spec ends() -> [{state(), [atom()]}].
ends() ->
    [{plain_only, [broken, stop]},
     {negotiating, [version, unexpected, malformed, error, broken, stop]},
     {typed_only, [version, unexpected, malformed, silent, error, stop]},
     {plain, [broken]},
     {authenticating, [unproven, unexpected, malformed, flood, error, stop]},
     {resuming, [unproven, unexpected, malformed, silent, flood, error, stop]},
     {typed, [unproven, unexpected, malformed, silent, flood, error, lost]},
     {draining, [unproven, unexpected, malformed, silent, flood, error]}].

%% @doc Returns the table by state and event.
-spec next() -> table().
next() ->
    maps:from_list([{{State, Event}, Next} || {State, Event, Next} <- transitions()]).
