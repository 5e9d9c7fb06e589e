%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc What a link passes on from its clients: requests to their sessions, and the news that a client has gone.

-module(ecm_link_clients).

-export([gone/3, new/4, request/5]).
-export_type([clients/0]).

%% `limit' is in bytes of the body of an answer, `peer' for clients whose address is unknown. The functions are
%% those of the link's options.
-record(clients, {writer :: ecm_link_writer:writer(),
                  limit :: pos_integer(),
                  peer :: ecm_peer:peer(),
                  request :: fun(),
                  gone :: ecm_link_heir:gone()}).

-opaque clients() :: #clients{}.

-spec new(ecm_link_writer:writer(), Limit :: pos_integer(), ecm_peer:peer(), ecm_link:options()) -> clients().
new(Writer, Limit, Peer, #{request := Request, gone := Gone}) ->
    #clients{writer = Writer, limit = Limit, peer = Peer, request = Request, gone = Gone}.

-spec request(ecm_link_packet:id(), ecm_peer:peer() | unknown, Secure :: boolean(),
              ecm_link_connection:body(), clients()) -> any().
request(Id, unknown, Secure, Body, #clients{peer = Peer} = Clients) ->
    request(Id, Peer, Secure, Body, Clients);
request(Id, Client, Secure, Body, #clients{request = Request, writer = Writer} = Clients) ->
    Request(Body, exchange(Id, Clients), Client, Secure, ecm_link_writer:in_flight(Writer)).

-spec exchange(ecm_link_packet:id(), clients()) -> ecm_link_writer:exchange().
exchange(Id, #clients{writer = Writer, limit = Limit}) ->
    {ecm_link_writer:pid(Writer), Id, Limit}.

%% @doc Tells the session of a client that it has gone. One that has half-closed its connection may still wait
%% for its answer.
-spec gone(ecm_link_packet:id(), Reason :: binary(), clients()) -> any().
gone(Id, <<"half-closed">>, #clients{gone = Gone, writer = Writer} = Clients) ->
    case ecm_link_table:find(Id, ecm_link_writer:in_flight(Writer)) of
        {ok, Session} -> Gone(Session, exchange(Id, Clients), half_closed);
        error -> none
    end;
gone(Id, _, #clients{gone = Gone, writer = Writer} = Clients) ->
    case ecm_link_table:take(Id, ecm_link_writer:in_flight(Writer)) of
        {ok, Session} -> Gone(Session, exchange(Id, Clients), gone);
        error -> ecm_link_writer:forget(Writer, Id)
    end.
