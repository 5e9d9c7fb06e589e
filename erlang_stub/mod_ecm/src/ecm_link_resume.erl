%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc How a new connection takes over a link that has had one before (docs/protocol.md of Megaphone). The
%% process that reads the new connection calls this.
%%
%% A link has one connection, and the newer one wins. The reader of the older one has ended before the peer is
%% told which packets have come: nothing that comes there counts afterwards.

-module(ecm_link_resume).

-export([give_up/1, take/6, terms/2]).

%% Milliseconds for a reader to end by itself, on a busy machine, too. It never waits long. One that is killed with a
%% packet in its hands takes its link with it. ECM waits for five seconds.
-define(PATIENCE, 2000).

%% @doc Returns the terms of a link: what both ends have said of their limits. A link goes on under the terms
%% with which it began.
-spec terms(ecm_link_hello:agreement(), ecm_link_connection:options()) -> term().
terms(Agreed, Options) ->
    Limits = [max_packet, max_content, window],
    {maps:with(Limits, Agreed), maps:with(Limits, Options)}.

%% @doc Takes over the link with this token, if it is here and its terms are these. `Own' is the writer of the
%% new connection, and ends. Returns the writer of the link, and the number of packets that it sends again.
%% `wrong' if the peer cannot have got so many packets; then the link is over.
-spec take(ecm_link_tokens:token(), Terms :: term(), Got :: ecm_link_ring:count(),
           Own :: ecm_link_writer:writer(), ecm_link_socket:socket(), ecm_peer:peer()) ->
    {ok, ecm_link_writer:writer(), Again :: non_neg_integer()} | wrong | unknown.
take(Token, Terms, Got, Own, Socket, Peer) ->
    case ecm_link_tokens:find(Token) of
        {ok, {Writer, Terms}, Reader} ->
            stop(Reader, Writer),
            _ = ecm_link_writer:flush(Own),
            taken(ecm_link_writer:attach(Writer, Socket, Peer, Got), Writer, Own, Socket, Peer, Got);
        _ ->
            give_up(Token),
            unknown
    end.

%% @doc Ends the link with this token, if it is here: ECM has given it up. What is left of it to be read is not
%% read any more. ECM's clients repeat their requests over another link, and whichever copy of a request comes last
%% gets the answer.
-spec give_up(ecm_link_tokens:token()) -> ok.
give_up(Token) ->
    case ecm_link_tokens:find(Token) of
        {ok, {Writer, _}, Reader} ->
            stop(Reader, Writer),
            ecm_link_writer:give_up(Writer);
        error ->
            ok
    end.

-spec taken({ok, non_neg_integer()} | {busy, pid()} | wrong | over, ecm_link_writer:writer(),
            Own :: ecm_link_writer:writer(), ecm_link_socket:socket(), ecm_peer:peer(),
            ecm_link_ring:count()) -> {ok, ecm_link_writer:writer(), non_neg_integer()} | wrong | unknown.
taken({ok, Again}, Writer, Own, _, _, _) ->
    ecm_link_writer:over(Own),
    {ok, Writer, Again};
taken({busy, Reader}, Writer, Own, Socket, Peer, Got) ->
    stop(Reader, Writer),
    taken(ecm_link_writer:attach(Writer, Socket, Peer, Got), Writer, Own, Socket, Peer, Got);
taken(wrong, _, _, _, _, _) ->
    wrong;
taken(over, _, _, _, _, _) ->
    unknown.

-spec stop(pid() | none, ecm_link_writer:writer()) -> ok.
stop(none, _) ->
    ok;
stop(Reader, Writer) ->
    Monitor = monitor(process, Reader),
    true = exit(Reader, replaced),
    receive
        {'DOWN', Monitor, process, _, _} -> ok
    after ?PATIENCE ->
        Sockets = sockets(process_info(Reader, links)),
        true = exit(Reader, kill),
        receive {'DOWN', Monitor, process, _, _} -> ok end,
        lists:foreach(fun(Socket) -> ecm_link_writer:interrupt(Writer, Socket) end, Sockets)
    end.

%% A reader that is killed cannot tell the writer that their socket is closed. With TLS the socket is not the reader's.
-spec sockets({links, [pid() | port()]} | undefined) -> [ecm_link_socket:socket()].
sockets({links, Links}) -> [ecm_link_socket:tcp(Port) || Port <- Links, is_port(Port)];
sockets(undefined) -> [].
