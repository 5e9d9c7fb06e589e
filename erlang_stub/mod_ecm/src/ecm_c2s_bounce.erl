%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc A stanza that is longer than an answer to its client can be: what the client is sent in its
%% place, and what its sender is told.
%%
%% In its place there is one stanza, so that both ends go on to count the same (XEP-0198): its
%% envelope, without what is in it. Where the client has asked for it, in an iq, that is the error
%% which says so.

-module(ecm_c2s_bounce).

-export([log_and_route/3, stand_in/2]).

-include_lib("ejabberd/include/logger.hrl").

-define(ENVELOPE, [<<"xmlns">>, <<"from">>, <<"to">>, <<"type">>, <<"id">>]).
-define(TEXT, <<"The stanza is too long for a BOSH client">>).

%% Bytes of an envelope in the log: two addresses and an ID, as they usually are.
-define(LOGGED, 512).

%% Some local policy was violated (RFC 6120, section 8.3.3.12), and the same again would be, too.
-define(ERROR, {xmlel, <<"error">>, [{<<"type">>, <<"modify">>}],
                [{xmlel, <<"policy-violation">>,
                  [{<<"xmlns">>, <<"urn:ietf:params:xml:ns:xmpp-stanzas">>}], []}]}).

%% @doc Returns what the client is sent in place of this element, in at most `Room' bytes; or, where
%% addresses are as long as that, with nothing but its name.
-spec stand_in(ecm_bosh_outbox:el(), Room :: integer()) -> ecm_bosh_outbox:el().
stand_in(El, Room) ->
    {xmlel, Name, Attributes, []} = start_tag(El),
    Kept = [Attribute || {Key, _} = Attribute <- Attributes, lists:member(Key, ?ENVELOPE)],
    case fxml:element_to_binary(instead(Name, Kept)) of
        Envelope when byte_size(Envelope) =< Room -> Envelope;
        _ -> fxml:element_to_binary({xmlel, Name, [{<<"xmlns">>, <<"jabber:client">>}], []})
    end.

-spec instead(Name :: binary(), [{binary(), binary()}]) -> tuple().
instead(<<"iq">>, Attributes) ->
    case lists:keyfind(<<"type">>, 1, Attributes) of
        {_, Type} when Type =:= <<"result">>; Type =:= <<"error">> ->
            Failed = lists:keyreplace(<<"type">>, 1, Attributes, {<<"type">>, <<"error">>}),
            {xmlel, <<"iq">>, Failed, [?ERROR]};
        _ ->
            {xmlel, <<"iq">>, Attributes, []}
    end;
instead(Name, Attributes) ->
    {xmlel, Name, Attributes, []}.

%% Without reading what is behind it, which takes memory many times its size.
-spec start_tag(ecm_bosh_outbox:el()) -> tuple().
start_tag(El) ->
    Tag = binary:part(El, 0, tag_size(El, 0)),
    fxml_stream:parse_element(case binary:last(Tag) of
                                  $/ -> <<Tag/binary, $>>>;
                                  _ -> <<Tag/binary, "/>">>
                              end).

%% The bytes before the `>' that ends the tag: there may be others in the values of attributes.
-spec tag_size(ecm_bosh_outbox:el(), From :: non_neg_integer()) -> pos_integer().
tag_size(El, From) ->
    At = find([<<$>>>, <<$'>>, <<$">>], El, From),
    case binary:at(El, At) of
        $> -> At;
        Quote -> tag_size(El, find(<<Quote>>, El, At + 1) + 1)
    end.

-spec find(binary() | [binary()], ecm_bosh_outbox:el(), From :: non_neg_integer()) -> pos_integer().
find(Bytes, El, From) ->
    {At, 1} = binary:match(El, Bytes, [{scope, {From, byte_size(El) - From}}]),
    At.

%% @doc Writes into the log that a stanza of so many bytes was too long for its client, and tells its
%% sender, if that is one who waits for an answer. `Envelope' is what stand_in/2 has returned.
-spec log_and_route(Envelope :: ecm_bosh_outbox:el(), Bytes :: pos_integer(), Limit :: integer()) -> ok.
log_and_route(Envelope, Bytes, Limit) ->
    ?WARNING_MSG("ECM session: a stanza of ~B bytes is too long for its client, who is sent ~ts in "
                 "its place. At most ~B bytes can be sent: raise max_packet here and in ECM, or "
                 "max_stanza_to_client",
                 [Bytes, ecm_peer:escape(logged(Envelope)), Limit]),
    try xmpp:decode(fxml_stream:parse_element(Envelope), <<"jabber:client">>, [ignore_els]) of
        Stanza -> route(Stanza, is_bounced(Stanza))
    catch
        error:{xmpp_codec, _} -> ok  % something of the stream
    end.

-spec logged(ecm_bosh_outbox:el()) -> binary().
logged(Envelope) -> binary:part(Envelope, 0, min(?LOGGED, byte_size(Envelope))).

-spec route(tuple(), IsBounced :: boolean()) -> ok.
route(Stanza, true) ->
    ejabberd_router:route_error(Stanza, xmpp:err_policy_violation(?TEXT, <<"en">>));
route(_, false) ->
    ok.

%% Not what was said in a room, whose members are put out where they send errors to it; nor a
%% headline, which wants no answer (RFC 6121, section 5.2.2), nor a presence, for the same reasons.
-spec is_bounced(tuple()) -> boolean().
is_bounced(Stanza) ->
    Kinds = [{<<"message">>, normal}, {<<"message">>, chat}, {<<"iq">>, get}, {<<"iq">>, set}],
    xmpp:is_stanza(Stanza)
        andalso xmpp:get_from(Stanza) =/= undefined andalso xmpp:get_to(Stanza) =/= undefined
        andalso lists:member({xmpp:get_name(Stanza), xmpp:get_type(Stanza)}, Kinds).
