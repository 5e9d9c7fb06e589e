%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc SASL2 (XEP-0388) with Bind 2 (XEP-0386) and FAST (XEP-0484) in sessions: hooks of ejabberd, in the
%% process of a session. Everything else is ejabberd's own; versions without SASL2 do not call them.

-module(ecm_c2s_sasl2).

-export([begun/1, features/2, features/3, host_up/1]).

%% The state of ejabberd_c2s.
-type state() :: map().

%% What may stand inside of `authenticate' and of `bind', and further features: records of the xmpp library.
-type features() :: {Inline :: [tuple()], InBind :: [tuple()], Further :: [tuple()]}.

%% Of a login, and of no use to ejabberd afterwards, which keeps them in a session with SASL2 or in one that
%% could have had it: the first holds what the server knows of the password.
-define(OF_LOGIN, [sasl2_password_fun, sasl2_stream_from, sasl2_axtra_auth_info, sasl_channel_bindings]).

%% The mechanisms of FAST without channel binding, and with the one that ECM may tell.
-define(UNBOUND, [<<"HT-SHA-256-NONE">>]).
-define(BOUND, [<<"HT-SHA-256-EXPR">>]).

%% @doc Adds the hooks of a host, after those of ejabberd's modules.
-spec host_up(Host :: binary()) -> ok.
host_up(Host) ->
    ejabberd_hooks:add(c2s_inline_features, Host, ?MODULE, features, 90),
    ejabberd_hooks:add(c2s_session_opened, Host, ?MODULE, begun, 90),
    ejabberd_hooks:add(c2s_session_resumed, Host, ?MODULE, begun, 90),
    ok.

%% @private The features that are offered, as ejabberd up to 24.12 asks.
-spec features(features(), Host :: binary()) -> features().
features(Features, _) ->
    case ecm_c2s_process:is_session() of
        true -> possible(Features, mechanisms((ecm_c2s_process:kind()):binding()));
        false -> Features
    end.

-spec mechanisms(none | binary()) -> [binary()].
mechanisms(none) -> ?UNBOUND;
mechanisms(_) -> ?UNBOUND ++ ?BOUND.

%% @private The same, as later versions ask.
-spec features(features(), Host :: binary(), state()) -> features().
features(Features, Host, _) -> features(Features, Host).

%% TLS ends before ejabberd, so it knows what ECM tells, to which a token could be bound. 24.12 offers all bindings
%% regardless.
-spec possible(features(), Mechanisms :: [binary()]) -> features().
possible({Inline, InBind, Further}, Mechanisms) ->
    {[with_only(Mechanisms, Feature) || Feature <- Inline], InBind, Further}.

%% The only list in the record is that of the mechanisms.
-spec with_only(Mechanisms :: [binary()], tuple()) -> tuple().
with_only(Mechanisms, Feature) when element(1, Feature) =:= fast ->
    list_to_tuple([common(Field, Mechanisms) || Field <- tuple_to_list(Feature)]);
with_only(_, Feature) ->
    Feature.

-spec common(Field, Mechanisms :: [binary()]) -> Field when Field :: term().
common(Offered, Mechanisms) when is_list(Offered) -> [Name || Name <- Offered, lists:member(Name, Mechanisms)];
common(Field, _) -> Field.

%% @private A session has begun, by whatever login. From here on its state is as that of all others,
%% so that it takes as little memory while it hibernates.
-spec begun(state()) -> state().
begun(State) ->
    case ecm_c2s_process:is_session() of
        true -> settled(identified(maps:without(?OF_LOGIN, State)));
        false -> State
    end.

%% Some clients have no ID that a later login could name.
-spec identified(state()) -> state().
identified(#{bind2_session_id := undefined} = State) -> maps:remove(bind2_session_id, State);
identified(State) -> State.

%% SASL2 restarts no stream. ejabberd looks at both keys only before the login.
-spec settled(state()) -> state().
settled(#{allow_unencrypted_sasl2 := _} = State) ->
    State#{allow_unencrypted_sasl2 := false, stream_restarted => true};
settled(State) ->
    State.
