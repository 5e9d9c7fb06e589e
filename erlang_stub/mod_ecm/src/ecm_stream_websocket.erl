%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc XMPP over WebSocket (RFC 7395): each message is one element, also the beginning and the end of a stream. Pure.

-module(ecm_stream_websocket).

-export([has_begun/1, new/0, read/3, reset/1, transport/1, write/1]).
-export_type([state/0]).

%% Whether the client has begun its stream.
-opaque state() :: begins | runs.

-define(FRAMING, <<"urn:ietf:params:xml:ns:xmpp-framing">>).
-define(STREAMS, <<"http://etherx.jabber.org/streams">>).

-spec new() -> state().
new() -> begins.

-spec has_begun(state()) -> boolean().
has_begun(State) -> State =:= runs.

%% @doc The client begins its stream anew.
-spec reset(state()) -> state().
reset(_) -> begins.

-spec transport(Secure :: boolean()) -> websocket.
transport(_) -> websocket.

%% @doc Reads a message of the client. Nothing of it keeps `Message' alive.
-spec read(Message :: binary(), ecm_stream_session:limits(), state()) -> {[ecm_stream_session:heard()], state()}.
read(Message, #{max_body := Most}, State) when byte_size(Message) > Most ->
    {[{fault, {exceeds, bytes}}], State};
read(Message, #{max_elements := Most}, State) ->
    case Most =/= infinity andalso ecm_xml_elements:exceed(Message, Most, all) of
        true -> {[{fault, {exceeds, elements}}], State};
        false -> parse(Message, State)
    end.

%% White space between messages keeps some proxies awake.
-spec parse(binary(), state()) -> {[ecm_stream_session:heard()], state()}.
parse(Message, State) ->
    case ecm_xml_text:skip_space(Message) of
        <<>> ->
            {[], State};
        _ ->
            try in_order(heard(ecm_xml:document(Message)), State)
            catch throw:Fault -> {[{fault, Fault}], State}
            end
    end.

%% Where a stream runs, ejabberd says what another beginning means.
-spec in_order(ecm_stream_session:heard(), state()) -> {[ecm_stream_session:heard()], state()}.
in_order({begins, _} = Heard, _) -> {[Heard], runs};
in_order({element, _}, begins) -> {[{fault, not_begun}], begins};
in_order(Heard, State) -> {[Heard], State}.

-spec heard({ecm_xml:element(), ecm_xml:names()}) -> ecm_stream_session:heard().
heard({{xmlel, Name, Attributes, _} = El, Names}) ->
    Scope = ecm_xml_namespaces:scope(Attributes, #{<<>> => <<>>}),
    case ecm_xml_namespaces:element(Name, Scope) of
        {?FRAMING, <<"open">>} -> {begins, [Pair || {Key, _} = Pair <- Attributes, is_plain(Key)] ++ declared()};
        {?FRAMING, <<"close">>} -> ends;
        {?FRAMING, _} -> throw(not_framing);
        _ ->
            [Stanza] = ecm_xml_stanza:all([El], #{<<>> => <<>>}, Names),
            {element, Stanza}
    end.

%% As the header of a stream would.
-spec declared() -> [ecm_xml:attribute()].
declared() ->
    [{<<"xmlns">>, <<"jabber:client">>}, {<<"xmlns:stream">>, ?STREAMS}].

%% Declarations are of no use to ejabberd, and unknown attributes neither.
-spec is_plain(Key :: binary()) -> boolean().
is_plain(<<"xml:lang">>) -> true;
is_plain(<<"xmlns">>) -> false;
is_plain(Key) -> ecm_xml_namespaces:is_plain(Key).

%% @doc Returns the message for something of ejabberd's, `none' for what a WebSocket does not have. The last one of a
%% stream is marked if it ends that.
-spec write(ecm_stream_session:packet()) -> binary() | {last, binary()} | none.
write({xmlstreamelement, {xmlel, <<"stream:error">>, _, Children} = Error}) ->
    case [Host || {xmlel, <<"see-other-host">>, _, [{xmlcdata, Host}]} <- Children, is_uri(Host)] of
        [Uri | _] -> {last, closing([{<<"see-other-uri">>, Uri}])};
        [] -> of_stream(Error)
    end;
write({xmlstreamelement, {xmlel, <<"stream:", _/binary>>, _, _} = El}) ->
    of_stream(El);
write({xmlstreamelement, El}) ->
    ecm_xml_stanza:encode(El);
write({xmlstreamstart, _, Attributes}) ->
    Own = [Pair || {Key, _} = Pair <- Attributes, is_plain(Key)],
    ecm_xml_serialiser:element({xmlel, <<"open">>, [{<<"xmlns">>, ?FRAMING} | Own], []});
write({xmlstreamend, _}) ->
    closing([]);
write(_) ->
    none.

-spec of_stream(ecm_xml:element()) -> binary().
of_stream({xmlel, Name, Attributes, Children}) ->
    Declared = [{<<"xmlns:stream">>, ?STREAMS} | lists:keydelete(<<"xmlns:stream">>, 1, Attributes)],
    ecm_xml_stanza:encode({xmlel, Name, Declared, Children}).

-spec closing([ecm_xml:attribute()]) -> binary().
closing(Attributes) ->
    ecm_xml_serialiser:element({xmlel, <<"close">>, [{<<"xmlns">>, ?FRAMING} | Attributes], []}).

%% Clients of WebSocket go to another endpoint by its URI (RFC 7395, section 3.6.1). A host alone, which is for clients
%% of TCP, does not tell them where on it.
-spec is_uri(binary()) -> boolean().
is_uri(Host) ->
    lists:any(fun(Scheme) -> string:prefix(Host, Scheme) =/= nomatch end,
              [<<"wss://">>, <<"ws://">>, <<"https://">>, <<"http://">>]).
