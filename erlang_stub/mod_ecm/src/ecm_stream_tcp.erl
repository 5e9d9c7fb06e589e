%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc XMPP over TCP (RFC 6120, section 4): one XML document, in any pieces. Pure.
%%
%% The prefixes that the header declares are in scope for all elements behind it.

-module(ecm_stream_tcp).

-export([has_begun/1, new/0, read/3, reset/1, transport/1, write/1]).
-export_type([state/0]).

%% `root' is the name of the stream's element as the client has written it, once it has begun; and the namespaces that
%% are declared there. A client that has ended its stream says no more.
-record(stream, {split = ecm_stream_split:new() :: ecm_stream_split:state(),
                 root = none :: none | {Name :: binary(), ecm_xml_namespaces:scope()},
                 is_over = false :: boolean()}).

%% `usual' is a stream that has begun as those of most clients, between two elements: it takes no memory.
-opaque state() :: #stream{} | usual.

-type heard() :: ecm_stream_session:heard().

-define(STREAMS, <<"http://etherx.jabber.org/streams">>).
-define(USUAL, {<<"stream:stream">>, #{<<>> => <<"jabber:client">>, <<"stream">> => ?STREAMS}}).

-spec new() -> state().
new() -> #stream{}.

-spec has_begun(state()) -> boolean().
has_begun(usual) -> true;
has_begun(#stream{root = Root}) -> Root =/= none.

%% @doc The client begins its stream anew.
-spec reset(state()) -> state().
reset(_) -> new().

-spec transport(Secure :: boolean()) -> tls | tcp.
transport(true) -> tls;
transport(false) -> tcp.

%% @doc Reads a piece of what the client sends. Nothing of what comes of it keeps `Piece' alive.
-spec read(Piece :: binary(), ecm_stream_session:limits(), state()) -> {[heard()], state()}.
read(Piece, Limits, usual) ->
    read(Piece, Limits, #stream{split = ecm_stream_split:between(), root = ?USUAL});
read(Piece, Limits, State) ->
    {Heard, Next} = read(Piece, Limits, State, []),
    {lists:reverse(Heard), brief(Next)}.

-spec read(binary(), ecm_stream_session:limits(), #stream{}, [heard()]) -> {[heard()], #stream{}}.
read(_, _, #stream{is_over = true} = State, Heard) ->
    {Heard, State};
read(Piece, Limits, #stream{split = Split} = State, Heard) ->
    case ecm_stream_split:next(Piece, Split) of
        {{Kind, Bytes}, Rest, Next} ->
            try part(Kind, Bytes, Limits, State#stream{split = Next}) of
                {Said, Then} -> read(Rest, Limits, Then, [Said | Heard])
            catch
                throw:Fault -> failed(Fault, State, Heard)
            end;
        {more, Next} ->
            waits(State#stream{split = Next}, Limits, Heard);
        {fault, Fault} ->
            failed(Fault, State, Heard)
    end.

-spec waits(#stream{}, ecm_stream_session:limits(), [heard()]) -> {[heard()], #stream{}}.
waits(#stream{split = Split} = State, #{max_body := Most}, Heard) ->
    case ecm_stream_split:waiting(Split) > Most of
        true -> failed({exceeds, bytes}, State, Heard);
        false -> {Heard, State}
    end.

%% What waits is not kept.
-spec failed(ecm_stream_fault:fault(), #stream{}, [heard()]) -> {[heard()], #stream{}}.
failed(Fault, #stream{root = Root}, Heard) ->
    {[{fault, Fault} | Heard], #stream{root = Root, is_over = true}}.

-spec part(header | element | ending, binary(), ecm_stream_session:limits(), #stream{}) -> {heard(), #stream{}}.
part(_, Bytes, #{max_body := Most}, _) when byte_size(Bytes) > Most ->
    throw({exceeds, bytes});
part(header, Bytes, _, State) ->
    header(ecm_xml:root(Bytes), State);
part(element, Bytes, #{max_elements := Most}, #stream{root = {_, Scope}} = State) ->
    _ = Most =/= infinity andalso ecm_xml_elements:exceed(Bytes, Most, all) andalso throw({exceeds, elements}),
    {El, Names} = ecm_xml:document(Bytes),
    [Stanza] = ecm_xml_stanza:all([El], Scope, Names),
    {{element, Stanza}, State};
part(ending, <<"</", Bytes/binary>>, _, #stream{root = {Name, _}} = State) ->
    Size = byte_size(Name),
    case Bytes of
        <<Name:Size/binary, End/binary>> -> ending(ecm_xml_text:skip_space(End), State);
        _ -> throw('not-xml')
    end.

-spec ending(binary(), #stream{}) -> {ends, #stream{}}.
ending(<<$>>>, State) -> {ends, State#stream{is_over = true}};
ending(_, _) -> throw('not-xml').

%% ejabberd says what it thinks of the namespaces.
-spec header({Name :: binary(), [ecm_xml:attribute()], Rest :: binary(), ecm_xml:fault() | none}, #stream{}) ->
    {heard(), #stream{}}.
header({Name, Attributes, <<$>>>, none}, State) ->
    Scope = ecm_xml_namespaces:scope(Attributes, #{<<>> => <<>>}),
    ok = ecm_xml_namespaces:check(Attributes, Scope),
    {Namespace, Local} = ecm_xml_namespaces:element(Name, Scope),
    Local =:= <<"stream">> orelse throw(not_begun),
    Own = [{binary:copy(Key), binary:copy(Value)} || {Key, Value} <- lists:reverse(Attributes), is_plain(Key)],
    Declared = [{<<"xmlns">>, binary:copy(map_get(<<>>, Scope))}, {<<"xmlns:stream">>, binary:copy(Namespace)}],
    {{begins, Own ++ Declared}, State#stream{root = {binary:copy(Name), copied(Scope)}}};
header({_, _, _, none}, _) ->
    throw('not-xml');
header({_, _, _, Fault}, _) ->
    throw(Fault).

-spec is_plain(Key :: binary()) -> boolean().
is_plain(<<"xml:lang">>) -> true;
is_plain(<<"xmlns">>) -> false;
is_plain(Key) -> ecm_xml_namespaces:is_plain(Key).

-spec copied(ecm_xml_namespaces:scope()) -> ecm_xml_namespaces:scope().
copied(Scope) ->
    maps:from_list([{binary:copy(Prefix), binary:copy(Namespace)} || {Prefix, Namespace} <- maps:to_list(Scope)]).

-spec brief(#stream{}) -> state().
brief(State) ->
    case State =:= #stream{split = ecm_stream_split:between(), root = ?USUAL} of
        true -> usual;
        false -> State
    end.

%% @doc Returns the bytes for something of ejabberd's.
-spec write(ecm_stream_session:packet()) -> binary().
write({xmlstreamelement, El}) ->
    ecm_xml_serialiser:element(El);
write({xmlstreamstart, Name, Attributes}) ->
    Tag = ecm_xml_serialiser:element({xmlel, Name, Attributes, []}),
    <<"<?xml version='1.0'?>", (binary:part(Tag, 0, byte_size(Tag) - byte_size(<<"/>">>)))/binary, $>>>;
write({xmlstreamend, Name}) ->
    <<"</", Name/binary, $>>>;
write({xmlstreamraw, Bytes}) ->
    Bytes.
