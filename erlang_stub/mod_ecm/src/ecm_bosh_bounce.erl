%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc What the client gets in place of a stanza that is longer than an answer can be. Pure.
%%
%% It is one stanza, so that both ends count the same (XEP-0198): the envelope of the original, without
%% content. If the client has asked for the stanza, in an iq, it is the error that says so.

-module(ecm_bosh_bounce).

-export([envelope/2]).

-define(ENVELOPE, [<<"xmlns">>, <<"from">>, <<"to">>, <<"type">>, <<"id">>]).

%% Some local policy was violated (RFC 6120, section 8.3.3.12), and the same again would be, too.
-define(ERROR, {xmlel, <<"error">>, [{<<"type">>, <<"modify">>}],
                [{xmlel, <<"policy-violation">>,
                  [{<<"xmlns">>, <<"urn:ietf:params:xml:ns:xmpp-stanzas">>}], []}]}).

%% @doc Returns what the client gets in place of this element, in at most `Room' bytes. If its addresses are
%% too long for that, only the name is left.
-spec envelope(ecm_bosh_outbox:el(), Room :: integer()) -> ecm_bosh_outbox:el().
envelope(El, Room) ->
    {xmlel, Name, Attributes, []} = start_tag(El),
    Kept = [Attribute || {Key, _} = Attribute <- Attributes, lists:member(Key, ?ENVELOPE)],
    case fxml:element_to_binary(emptied(Name, Kept)) of
        Envelope when byte_size(Envelope) =< Room -> Envelope;
        _ -> fxml:element_to_binary({xmlel, Name, [{<<"xmlns">>, <<"jabber:client">>}], []})
    end.

-spec emptied(Name :: binary(), [{binary(), binary()}]) -> tuple().
emptied(<<"iq">>, Attributes) ->
    case lists:keyfind(<<"type">>, 1, Attributes) of
        {_, Type} when Type =:= <<"result">>; Type =:= <<"error">> ->
            Failed = lists:keyreplace(<<"type">>, 1, Attributes, {<<"type">>, <<"error">>}),
            {xmlel, <<"iq">>, Failed, [?ERROR]};
        _ ->
            {xmlel, <<"iq">>, Attributes, []}
    end;
emptied(Name, Attributes) ->
    {xmlel, Name, Attributes, []}.

%% Reads nothing behind the start tag: the terms would take many times the memory of the text.
-spec start_tag(ecm_bosh_outbox:el()) -> tuple().
start_tag(El) ->
    Tag = binary:part(El, 0, tag_size(El, 0)),
    fxml_stream:parse_element(case binary:last(Tag) of
                                  $/ -> <<Tag/binary, $>>>;
                                  _ -> <<Tag/binary, "/>">>
                              end).

%% Counts the bytes before the `>' that ends the tag. The values of attributes may have others.
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
