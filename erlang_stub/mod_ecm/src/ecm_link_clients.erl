%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc What a link passes on from its clients: requests to their sessions, and the news that a client has gone.

-module(ecm_link_clients).

-export([gone/3, new/4, reaches/2, request/5, status/1]).
-export_type([body/0, clients/0, status/0]).

%% `limit' is in bytes of the body of an answer, `peer' for clients whose address is unknown. The functions are
%% those of the link's options. `nodes' are the other nodes that ECM reaches, if it may be linked to several.
-record(clients, {writer :: ecm_link_writer:writer(),
                  limit :: pos_integer(),
                  peer :: ecm_peer:peer(),
                  request :: fun(),
                  gone :: ecm_link_heir:gone(),
                  status :: status(),
                  nodes = none :: none | [Name :: binary()]}).

%% Returns what ECM is told of this node, as fields of a message.
-type status() :: fun(() -> [{Key :: binary(), Value :: binary()}]).

%% The body of a request as it is passed on; with the nodes that ECM reaches itself, if the request may go back.
-type body() :: binary() | {truncated, First :: binary()} | {full, binary()} |
                {reaching, [Name :: binary()], binary()}.

-opaque clients() :: #clients{}.

-spec new(ecm_link_writer:writer(), Limit :: pos_integer(), ecm_peer:peer(), ecm_link:options()) -> clients().
new(Writer, Limit, Peer, #{request := Request, gone := Gone, status := Status}) ->
    #clients{writer = Writer, limit = Limit, peer = Peer, request = Request, gone = Gone, status = Status}.

%% @doc Notes which other nodes ECM reaches, by the names in their hello.
-spec reaches([Name :: binary()], clients()) -> clients().
reaches(Names, Clients) ->
    Clients#clients{nodes = Names}.

%% @doc Returns what ECM is told of this node, if it may choose between several.
-spec status(clients() | undefined) -> [{Key :: binary(), Value :: binary()}].
status(#clients{nodes = Names, status = Status}) when is_list(Names) -> Status();
status(_) -> [].

%% @doc Passes on a request. One for a session of a node that ECM reaches itself is given back, unless another
%% node has done so before, or ECM is full.
-spec request(ecm_link_packet:id(), ecm_peer:peer() | unknown, Secure :: boolean(),
              ecm_link_connection:body(), clients()) -> any().
request(Id, Client, Secure, Body, #clients{nodes = [_ | _] = Names} = Clients) when is_binary(Body) ->
    case pass(Id, Client, Secure, {reaching, Names, Body}, Clients) of
        {elsewhere, Name} -> give_back(Id, Name, Client, Secure, Body, Clients);
        _ -> ok
    end;
request(Id, Client, Secure, {redirected, Body}, Clients) ->
    pass(Id, Client, Secure, Body, Clients);
request(Id, Client, Secure, Body, Clients) ->
    pass(Id, Client, Secure, Body, Clients).

-spec pass(ecm_link_packet:id(), ecm_peer:peer() | unknown, Secure :: boolean(), body(), clients()) ->
    any().
pass(Id, unknown, Secure, Body, #clients{peer = Peer} = Clients) ->
    pass(Id, Peer, Secure, Body, Clients);
pass(Id, Client, Secure, Body, #clients{request = Request, writer = Writer} = Clients) ->
    Request(Body, exchange(Id, Clients), Client, Secure, ecm_link_writer:in_flight(Writer)).

-spec give_back(ecm_link_packet:id(), Name :: binary(), ecm_peer:address() | unknown, Secure :: boolean(),
                binary(), clients()) -> ok.
give_back(Id, Name, Client, Secure, Body, #clients{writer = Writer}) ->
    Peer = [{<<"peer">>, ecm_peer:name(Client)} || Client =/= unknown],
    Flag = case Secure of true -> <<"1">>; false -> <<"0">> end,
    Fields = [{<<"node">>, Name} | Peer] ++ [{<<"secure">>, Flag}],
    Content = ecm_link_message:write(misdirected, [], Fields, Body),
    ecm_link_writer:send(Writer, iolist_to_binary(ecm_link_packet:encode(Id, Content))).

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
