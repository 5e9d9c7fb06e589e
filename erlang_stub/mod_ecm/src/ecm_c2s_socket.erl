%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc A session as ejabberd_c2s sees it: a socket, in the way of xmpp_socket. All of it is called by
%% the process of the session, where ecm_c2s has the rest.

-module(ecm_c2s_socket).

-export([begun/2, closed/0, ended/0, received/1, start/2, too_much/0]).
-export([change_shaper/2, close/1, controlling_process/2, get_owner/1, get_transport/1, peername/1,
         reset_stream/1, send_xml/2, setopts/2, sockname/1]).

-define(STANZAS, [<<"message">>, <<"presence">>, <<"iq">>]).
-define(STREAMS, <<"http://etherx.jabber.org/streams">>).

-type socket() :: {?MODULE, Client :: ecm_peer:address()}.

%% @doc Starts the process of a session. `Opts' are options of ejabberd_c2s.
-spec start(ecm_peer:address(), Opts :: [{atom(), term()}]) -> pid().
start(Client, Opts) ->
    {ok, Session} = ejabberd_c2s:start(?MODULE, {?MODULE, Client}, [{xml_socket, true} | Opts]),
    Session.

%% What the client does. It comes to the process behind what has come before.

%% @doc The client begins the stream, anew or for the first time.
-spec begun(Server :: binary(), Lang :: binary()) -> ok.
begun(Server, Lang) ->
    event({xmlstreamstart, <<"stream:stream">>,
           [{<<"to">>, Server}, {<<"version">>, <<"1.0">>}, {<<"xml:lang">>, Lang},
            {<<"xmlns">>, <<"jabber:client">>}, {<<"xmlns:stream">>, ?STREAMS}]}).

%% @doc An element has come. What is no stanza, and in their namespace, ends the stream (RFC 6120,
%% section 4.9.3.24). ejabberd would drop it.
-spec received(ecm_bosh_body:xmlel()) -> ok.
received({xmlel, Name, Attrs, _} = Element) ->
    case lists:member(Name, ?STANZAS) orelse lists:keymember(<<"xmlns">>, 1, Attrs) of
        true -> event({xmlstreamelement, Element});
        false -> xmpp_stream_in:send(self(), xmpp:serr_unsupported_stanza_type())
    end.

%% @doc More elements have come at once than may, which ends the stream (RFC 6120, section 4.9.3.14).
-spec too_much() -> ok.
too_much() ->
    xmpp_stream_in:send(self(), xmpp:serr_policy_violation(<<"Too many elements in a body">>, <<"en">>)).

%% @doc The client has ended the stream.
-spec ended() -> ok.
ended() -> event({xmlstreamend, <<"stream:stream">>}).

%% @doc The client has gone.
-spec closed() -> ok.
closed() -> event(closed).

-spec event(term()) -> ok.
event(Event) ->
    self() ! {'$gen_event', Event},
    ok.

%% What ejabberd_c2s does.

-spec send_xml(socket(), tuple()) -> ok | {error, closed}.
send_xml(_, {xmlstreamelement, Element}) -> ecm_c2s:send(Element);
send_xml(_, _) -> ok.  % a BOSH session has no header and no end

-spec close(socket()) -> ok.
close(_) -> ecm_c2s:close().

-spec change_shaper(socket(), term()) -> ok.
change_shaper(_, Shaper) -> ecm_c2s:change_shaper(Shaper).

%% Never the process itself, which would be given an XML stream then. This one is there as long as
%% ejabberd is.
-spec get_owner(socket()) -> pid().
get_owner(_) -> whereis(ejabberd_sup).

-spec peername(socket()) -> {ok, ecm_peer:address()}.
peername({?MODULE, Client}) -> {ok, Client}.

-spec sockname(socket()) -> {ok, ecm_peer:address()}.
sockname({?MODULE, Client}) -> {ok, Client}.

-spec get_transport(socket()) -> http_bind.
get_transport(_) -> http_bind.

-spec reset_stream(socket()) -> socket().
reset_stream(Socket) -> Socket.

-spec setopts(socket(), list()) -> ok.
setopts(_, _) -> ok.

-spec controlling_process(socket(), pid()) -> ok.
controlling_process(_, _) -> ok.
