%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The first message of either end of a typed link: the agreement, and the proof of the secret. Pure.

-module(ecm_link_hello).

-export([agreed/2, carries_streams/2, has_insight/2, is_proven/3, own/2, refusal/1, resumes/2]).
-export_type([agreement/0, hello/0]).

-define(VERSION, 1).

%% What this end supports beyond the version: it sends a long answer in parts, if ECM accepts them; and a
%% link may outlive its connection, and carry streams, of which this end sends the last message when it is asked to; and
%% it tells of its node and of sessions.
-define(PARTS, <<"parts">>).
-define(RESUME, <<"resume">>).
-define(STREAMS, <<"streams">>).
-define(LEAVE, <<"leave">>).
-define(INSIGHT, <<"insight">>).

%% The fields of ECM's hello, decoded by ecm_link_message.
-type hello() :: #{binary() => term()}.

%% `max_packet' and `max_content' are the limits of ECM, in bytes: of a packet, and of the body of an answer
%% in parts. The latter is 0 if ECM does not accept parts. `window' is that of ECM for each stream, if the link
%% carries any.
-type agreement() :: #{version := pos_integer(), instance := binary(), max_packet := pos_integer(),
                       max_content := non_neg_integer(), window => pos_integer()}.

%% @doc Returns the reason to refuse a link to this peer, if there is one: an error code and its text.
-spec refusal(hello()) -> none | {unexpected | version, Text :: iodata()}.
refusal(#{<<"role">> := ejabberd}) ->
    {unexpected, <<"both ends are ejabberd">>};
refusal(#{<<"version">> := Versions}) ->
    case lists:member(?VERSION, Versions) of
        false -> {version, ["ecm speaks ", numbers(Versions),
                            ", ejabberd speaks ", numbers([?VERSION])]};
        true -> none
    end.

-spec numbers([non_neg_integer()]) -> iodata().
numbers(Numbers) ->
    lists:join($,, [integer_to_binary(Number) || Number <- Numbers]).

%% @doc Returns the agreement, now that the link is up.
-spec agreed(hello(), ecm_link_connection:options()) -> agreement().
agreed(#{<<"instance">> := Instance, <<"max-packet">> := MaxPacket} = Hello, Options) ->
    Always = #{version => ?VERSION, instance => Instance, max_packet => MaxPacket,
               max_content => max_content(Hello)},
    case carries_streams(Hello, Options) of
        true -> Always#{window => ecm_link_credit:window(Hello)};
        false -> Always
    end.

-spec max_content(hello()) -> non_neg_integer().
max_content(#{<<"features">> := Features, <<"max-content">> := MaxContent}) ->
    case lists:member(?PARTS, Features) of
        true -> MaxContent;
        false -> 0
    end;
max_content(_) ->
    0.

%% @doc Returns whether the link resumes, because both ends can.
-spec resumes(hello(), ecm_link_connection:options()) -> boolean().
resumes(#{<<"features">> := Features}, #{resume := true}) -> lists:member(?RESUME, Features);
resumes(_, _) -> false.

%% @doc Returns whether the link carries streams, because both ends can.
-spec carries_streams(hello(), ecm_link_connection:options()) -> boolean().
carries_streams(#{<<"features">> := Features}, #{window := _}) -> lists:member(?STREAMS, Features);
carries_streams(_, _) -> false.

%% @doc Returns whether ECM is told of this node and of sessions. That concerns a connection alone, so a link may
%% go on with and without.
-spec has_insight(hello(), ecm_link_connection:options()) -> boolean().
has_insight(#{<<"features">> := Features}, #{insight := true}) -> lists:member(?INSIGHT, Features);
has_insight(_, _) -> false.

%% @doc Returns the hello of this end.
-spec own(hello(), ecm_link_connection:options()) -> Content :: iodata().
own(Hello, #{instance := Instance, max_packet := MaxPacket, nonce := Nonce} = Options) ->
    Fields = [{<<"version">>, integer_to_binary(?VERSION)},
              {<<"role">>, <<"ejabberd">>},
              {<<"instance">>, Instance},
              {<<"max-packet">>, integer_to_binary(MaxPacket)}],
    Window = [{<<"window">>, integer_to_binary(map_get(window, Options))} || is_map_key(window, Options)],
    Proof = [{<<"proof">>, proof(ejabberd, Hello, Options)} || is_map_key(secret, Options)],
    ecm_link_message:write(hello, [], Fields ++ Window ++ [{<<"nonce">>, Nonce}] ++ Proof
                                          ++ [{<<"features">>, features(Options)}]).

-spec features(ecm_link_connection:options()) -> iodata().
features(Options) ->
    lists:join($,, [?PARTS] ++ [?RESUME || map_get(resume, Options)] ++ [?STREAMS || is_map_key(window, Options)]
                   ++ [?LEAVE || maps:get(leave, Options, false)] ++ [?INSIGHT || maps:get(insight, Options, false)]).

%% @doc Verifies the proof of ECM.
-spec is_proven(Proof :: binary(), hello(), ecm_link_connection:options()) -> boolean().
is_proven(Proof, Hello, Options) ->
    ecm_link_auth:verify(Proof, proof(ecm, Hello, Options)).

-spec proof(ecm_link_message:side(), hello(), ecm_link_connection:options()) -> binary().
proof(Role, #{<<"nonce">> := OfEcm}, #{secret := Secret, nonce := OfEjabberd}) ->
    ecm_link_auth:response(Secret, Role, OfEcm, OfEjabberd).
