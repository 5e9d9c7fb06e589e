%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc How a link begins once both ends have agreed on it, or goes on over another connection: what its writer must
%% know, and who takes what its clients send.

-module(ecm_link_beginning).

-export([begins/4, begins_to_resume/4, goes_on/7]).
-export_type([link/0]).

-include_lib("ejabberd/include/logger.hrl").

%% What its reader needs. Without `streams' the link carries none, and without `receipt' it does not resume.
-type link() :: #{writer := ecm_link_writer:writer(),
                  form := ecm_link_connection:form(),
                  instance := binary() | unknown,
                  clients := ecm_link_clients:clients(),
                  streams => ecm_link_streams:streams(),
                  receipt => ecm_link_receipt:receipt()}.

-type agreed() :: plain | ecm_link_hello:agreement().

%% @doc Begins a link that ends with its connection.
-spec begins(agreed(), ecm_link_writer:writer(), ecm_peer:peer(), ecm_link:options()) -> link().
begins(Agreed, Writer, Peer, Options) ->
    begins(Agreed, #{}, Writer, Peer, Options).

%% @doc Begins a link that resumes.
-spec begins_to_resume(ecm_link_hello:agreement(), ecm_link_writer:writer(), ecm_peer:peer(),
                       ecm_link:options()) -> link().
begins_to_resume(Agreed, Writer, Peer, #{link_grace := Grace, connection := Connection} = Options) ->
    Resumption = #{token => ecm_link_tokens:new(), terms => ecm_link_resume:terms(Agreed, Connection),
                   grace => Grace},
    Link = begins(Agreed, #{resumption => Resumption}, Writer, Peer, Options),
    Link#{receipt => ecm_link_receipt:new(0)}.

-spec begins(agreed(), #{resumption => ecm_link_keeper:resumption()}, ecm_link_writer:writer(),
             ecm_peer:peer(), ecm_link:options()) -> link().
begins(Agreed, Resumption, Writer, Peer, #{connection := Connection} = Options) ->
    log(Agreed, Peer),
    Form = ecm_link_answer:form(Agreed, Connection),
    Given = maps:with([substitutes, gone, max_waiting], Options),
    Parts = [Form, Resumption, in_message(ecm_link_streams:terms(Agreed, Connection))],
    ecm_link_writer:up(Writer, lists:foldl(fun maps:merge/2, Given#{peer => Peer}, Parts)),
    link(Form, Agreed, Writer, Peer, Options).

-spec in_message(ecm_link_streams:terms() | none) -> #{in_message => pos_integer()}.
in_message(none) -> #{};
in_message(#{longest := Longest}) -> #{in_message => Longest}.

-spec log(agreed(), ecm_peer:peer()) -> any().
log(plain, Peer) ->
    ?INFO_MSG("ECM link from ~ts is up: plain", [ecm_peer:name(Peer)]);
log(#{version := Version, instance := Instance}, Peer) ->
    ?INFO_MSG("ECM link from ~ts is up: typed, version ~B, instance ~ts",
              [ecm_peer:name(Peer), Version, ecm_peer:escape(Instance)]).

-spec link(ecm_link_answer:form(), agreed(), ecm_link_writer:writer(), ecm_peer:peer(), ecm_link:options()) ->
    link().
link(#{form := Form, longest := Limit}, Agreed, Writer, Peer, #{connection := Connection} = Options) ->
    Link = #{writer => Writer, form => Form, instance => instance(Agreed),
             clients => ecm_link_clients:new(Writer, Limit, Peer, Options)},
    case ecm_link_streams:terms(Agreed, Connection) of
        none -> Link;
        Terms -> Link#{streams => ecm_link_streams:new(Writer, Terms, Peer, map_get(open, Options))}
    end.

-spec instance(agreed()) -> binary() | unknown.
instance(plain) -> unknown;
instance(#{instance := Instance}) -> Instance.

%% @doc Goes on with the link that has this token, of which ECM has got so many packets. Its writer takes the place
%% of that of the connection (`Own'). See ecm_link_resume:take/6 for the other results.
-spec goes_on(ecm_link_tokens:token(), Got :: ecm_link_ring:count(), ecm_link_hello:agreement(),
              Own :: ecm_link_writer:writer(), ecm_link_socket:socket(), ecm_peer:peer(), ecm_link:options()) ->
    link() | wrong | unknown.
goes_on(Token, Got, Agreed, Own, Socket, Peer, #{connection := Connection} = Options) ->
    Terms = ecm_link_resume:terms(Agreed, Connection),
    case ecm_link_resume:take(Token, Terms, Got, Own, Socket, Peer) of
        {ok, Writer, Again} -> resumed(Again, Agreed, Writer, Peer, Options);
        Other -> Other
    end.

-spec resumed(Again :: non_neg_integer(), ecm_link_hello:agreement(), ecm_link_writer:writer(), ecm_peer:peer(),
              ecm_link:options()) -> link().
resumed(Again, #{instance := Instance} = Agreed, Writer, Peer, #{connection := Connection} = Options) ->
    ?INFO_MSG("ECM link from ~ts is resumed by instance ~ts, ~B packets are sent again",
              [ecm_peer:name(Peer), ecm_peer:escape(Instance), Again]),
    Link = link(ecm_link_answer:form(Agreed, Connection), Agreed, Writer, Peer, Options),
    Link#{receipt => ecm_link_receipt:new(ecm_link_writer:counted(Writer))}.
