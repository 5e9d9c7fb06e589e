%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc A stanza that is too long for its client goes back to its sender, if that waits for an answer.

-module(ecm_c2s_bounce).

-export([envelope/2, note_and_route/3]).

-define(TEXT, <<"The stanza is too long for its client">>).

%% @doc Returns what a client gets in place of a stanza that is longer than this, which is noted and goes back.
-spec envelope(Stanza, Limit :: integer()) -> Stanza when Stanza :: ecm_bosh_outbox:el().
envelope(Stanza, Limit) ->
    Envelope = ecm_bosh_bounce:envelope(Stanza, Limit),
    note_and_route(Envelope, byte_size(Stanza), Limit),
    Envelope.

%% @doc Notes that a stanza of so many bytes was too long for its client, and routes an error to its sender, if
%% that waits for an answer. `Envelope' is the result of ecm_bosh_bounce:envelope/2.
-spec note_and_route(Envelope :: ecm_bosh_outbox:el(), Bytes :: pos_integer(), Limit :: integer()) -> ok.
note_and_route(Envelope, Bytes, Limit) ->
    ecm_c2s_too_long:note(Envelope, Bytes, Limit),
    try xmpp:decode(fxml_stream:parse_element(Envelope), <<"jabber:client">>, [ignore_els]) of
        Stanza -> route(Stanza, is_bounced(Stanza))
    catch
        error:{xmpp_codec, _} -> ok  % something of the stream
    end.

-spec route(tuple(), IsBounced :: boolean()) -> ok.
route(Stanza, true) ->
    ejabberd_router:route_error(Stanza, xmpp:err_policy_violation(?TEXT, <<"en">>));
route(_, false) ->
    ok.

%% Not a message of a room, which removes members that send errors to it; nor a headline, which must not be
%% answered (RFC 6121, section 5.2.2), nor a presence, for the same reasons.
-spec is_bounced(tuple()) -> boolean().
is_bounced(Stanza) ->
    Kinds = [{<<"message">>, normal}, {<<"message">>, chat}, {<<"iq">>, get}, {<<"iq">>, set}],
    xmpp:is_stanza(Stanza)
        andalso xmpp:get_from(Stanza) =/= undefined andalso xmpp:get_to(Stanza) =/= undefined
        andalso lists:member({xmpp:get_name(Stanza), xmpp:get_type(Stanza)}, Kinds).
