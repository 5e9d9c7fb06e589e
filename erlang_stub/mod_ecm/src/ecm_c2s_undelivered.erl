%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Stanzas that a client may not have received when its session ends. They go where they would have
%% gone without that session: to another one of the same user, to offline storage, or back.

-module(ecm_c2s_undelivered).

-export([kept/2, route/1, stanzas/2]).

-include_lib("ejabberd/include/logger.hrl").

%% Bytes of elements between two garbage collections. One for each element would take longer than to parse
%% it.
-define(GARBAGE, 262144).

%% @doc Returns those of these elements, which are encoded for the client, that are for this module to route.
%% `State' is that of ejabberd_c2s. Stream management (XEP-0198) routes by itself what was sent since it began.
-spec stanzas([ecm_bosh_outbox:el()], State :: map()) -> [ecm_bosh_outbox:el()].
stanzas(Elements, #{mgmt_state := State}) when State =/= inactive ->
    case lists:splitwith(fun(Element) -> not begins_management(Element) end, Elements) of
        {Before, [_ | _]} -> Before;
        {_, []} -> []  % the client has got the beginning
    end;
stanzas(Elements, _) ->
    Elements.

%% @doc Returns those of these elements without which `stanzas/2' would return others.
-spec kept([ecm_bosh_outbox:el()], State :: map()) -> [ecm_bosh_outbox:el()].
kept(Elements, #{mgmt_state := State}) when State =/= inactive ->
    case lists:splitwith(fun(Element) -> not begins_management(Element) end, Elements) of
        {Before, [Beginning | _]} -> Before ++ [Beginning];
        {_, []} -> []
    end;
kept(Elements, _) ->
    Elements.

-spec begins_management(ecm_bosh_outbox:el()) -> boolean().
begins_management(<<"<enabled ", _/binary>>) -> true;
begins_management(<<"<resumed ", _/binary>>) -> true;
begins_management(_) -> false.

%% @doc Routes the stanzas among these elements, the oldest first.
-spec route([ecm_bosh_outbox:el()]) -> ok.
route(Elements) ->
    route_all(Elements, 0).

%% One by one: a parsed element takes many times its size, and this process has nothing else to do any more.
%% The garbage of earlier ones is collected after each `?GARBAGE' bytes.
-spec route_all([ecm_bosh_outbox:el()], Bytes :: non_neg_integer()) -> ok.
route_all([], _) ->
    ok;
route_all(Elements, Bytes) when Bytes >= ?GARBAGE ->
    _ = erlang:garbage_collect(),
    route_all(Elements, 0);
route_all([Element | Rest], Bytes) ->
    route_element(Element),
    route_all(Rest, Bytes + byte_size(Element)).

-spec route_element(ecm_bosh_outbox:el()) -> ok.
route_element(Element) ->
    route_parsed(ecm_xml:read(Element)).

%% An empty stanza that is not a presence is an envelope (ecm_bosh_bounce), for this session alone.
-spec route_parsed(tuple()) -> ok.
route_parsed({xmlel, Name, _, []}) when Name =/= <<"presence">> ->
    ok;
route_parsed(Element) ->
    try xmpp:decode(Element, <<"jabber:client">>, [ignore_els]) of
        Decoded -> route_stanza(Decoded, xmpp:is_stanza(Decoded))
    catch
        error:{xmpp_codec, Reason} ->
            ?DEBUG("ECM session: dropped an undelivered element that is not a stanza: ~ts",
                   [xmpp:format_error(Reason)])
    end.

%% A stanza without a receiver is from the server for this session, such as the answer to the binding of its
%% resource (RFC 6120, section 7.6).
-spec route_stanza(tuple(), IsStanza :: boolean()) -> ok.
route_stanza(Stanza, true) ->
    case xmpp:get_to(Stanza) =:= undefined orelse is_copy(Stanza) orelse is_found(Stanza) of
        true -> ok;
        false -> ecm_c2s_offline:route(Stanza)
    end;
route_stanza(_, false) ->
    ok.

%% A carbon copy (XEP-0280) for this resource is of no use to another one.
-spec is_copy(tuple()) -> boolean().
is_copy(Stanza) ->
    From = xmpp:get_from(Stanza),
    From =:= jid:remove_resource(xmpp:get_to(Stanza))
        andalso misc:unwrap_carbon(Stanza) =/= Stanza.

%% A message of an archive (XEP-0313) belongs to the result of a query of this session.
-spec is_found(tuple()) -> boolean().
is_found(Stanza) ->
    lists:any(fun is_result/1, xmpp:get_els(Stanza)).

-spec is_result(tuple()) -> boolean().
is_result(El) ->
    case {xmpp:get_name(El), xmpp:get_ns(El)} of
        {<<"result">>, <<"urn:xmpp:mam:", _/binary>>} -> true;
        _ -> false
    end.
