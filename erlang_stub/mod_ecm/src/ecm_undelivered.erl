%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc What a client has perhaps not got when its session ends. It goes where it would have gone
%% without that session: to another one of the same user, to where messages are kept, or back.

-module(ecm_undelivered).

-export([is_managed/1, postpone/2, route/1]).

-include_lib("ejabberd/include/logger.hrl").

%% The state of ejabberd_c2s.
-type state() :: map().

%% @doc Returns whether stream management (XEP-0198) takes care of it.
-spec is_managed(state()) -> boolean().
is_managed(#{mgmt_state := inactive}) -> false;
is_managed(#{mgmt_state := _}) -> true;
is_managed(_) -> false.

%% @doc Takes what is routed to a session whose stream has ended, and whose process has not yet:
%% ejabberd_c2s would throw it away. Behind what ends the process, it is routed again by that.
-spec postpone({route, Stanza :: tuple()}, state()) -> state() | {stop, state()}.
postpone(Routed, State) ->
    case is_managed(State) of
        true ->
            State;
        false ->
            self() ! Routed,
            {stop, State}
    end.

%% @doc Routes the stanzas among these elements, which are as they were for the client.
-spec route([iodata()]) -> ok.
route(Elements) ->
    lists:foreach(fun(Element) -> route_element(iolist_to_binary(Element)) end, Elements).

-spec route_element(binary()) -> ok.
route_element(Element) ->
    try xmpp:decode(fxml_stream:parse_element(Element), <<"jabber:client">>, [ignore_els]) of
        Decoded -> route_stanza(Decoded, xmpp:is_stanza(Decoded))
    catch
        error:{xmpp_codec, Reason} ->
            ?DEBUG("ECM session: what was left for a client is no stanza: ~ts",
                   [xmpp:format_error(Reason)])
    end.

%% One that is addressed to nobody is from the server for this very session, as the answer to the
%% binding of its resource (RFC 6120, section 7.6).
-spec route_stanza(tuple(), IsStanza :: boolean()) -> ok.
route_stanza(Stanza, true) ->
    case xmpp:get_to(Stanza) =:= undefined orelse is_copy(Stanza) of
        true -> ok;
        false -> ejabberd_router:route(Stanza)
    end;
route_stanza(_, false) ->
    ok.

%% A copy for this resource of what another one has got or sent (XEP-0280) is of use to no other.
-spec is_copy(tuple()) -> boolean().
is_copy(Stanza) ->
    From = xmpp:get_from(Stanza),
    From =:= jid:remove_resource(xmpp:get_to(Stanza))
        andalso misc:unwrap_carbon(Stanza) =/= Stanza.
