%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc When a session hibernates (`hibernate_after'): at once, after a while in which nothing happens, or never.

-module(ecm_c2s_idle).

-export([hibernate/3, next/2]).
-export_type([idle/0]).

%% The timer that runs while nothing happens; or it has fired.
-type idle() :: none | reference() | due.

%% @doc Returns what is to be done now that a session has nothing to do. `After' is in milliseconds. The timer sends
%% `{ecm, hibernate}'.
-spec next(idle(), After :: non_neg_integer() | infinity) -> {hibernate | wait, idle()}.
next(Idle, After) ->
    after_rest(Idle, max(After, ecm_c2s_hibernate:rest())).

-spec after_rest(idle(), After :: non_neg_integer() | infinity) -> {hibernate | wait, idle()}.
after_rest(_, 0) ->
    {hibernate, none};
after_rest(due, _) ->
    {hibernate, none};
after_rest(Idle, infinity) ->
    {wait, Idle};
after_rest(Idle, After) ->
    _ = is_reference(Idle) andalso erlang:cancel_timer(Idle, [{async, true}, {info, false}]),
    {wait, erlang:send_after(After, self(), {ecm, hibernate})}.

%% @doc Hibernates. Returns if the process cannot now; then it tries again once the messages that are here are handled.
%% `Opts' are those of ejabberd's process, `Kind' is a callback module of ecm_c2s_hibernate.
-spec hibernate(State :: map(), Opts :: [{atom(), term()}], Kind :: module()) -> ok.
hibernate(State, Opts, Kind) ->
    case ecm_c2s_hibernate:hibernate(State, ejabberd_config:fsm_limit_opts(Opts), Kind) of
        busy -> Kind:schedule_flush();
        unfit -> shrink()
    end.

%% Most sessions that cannot hibernate wait for their clients to log in, and some of these never do.
-spec shrink() -> ok.
shrink() ->
    true = erlang:garbage_collect(),
    ok.
