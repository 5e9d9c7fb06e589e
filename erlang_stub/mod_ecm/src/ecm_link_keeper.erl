%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc What keeps a link that resumes while it has no connection: its token, and the time for which it is kept.
%% The writer of the link, which is the link, calls this.

-module(ecm_link_keeper).

-export([attached/2, broken/3, forget/1, is_over/2, new/4, resume/2]).
-export_type([keeper/0, resumption/0]).

-include_lib("ejabberd/include/logger.hrl").

%% A link that resumes has a token, goes on under these terms only, and is kept for `grace' milliseconds.
-type resumption() :: #{token := ecm_link_tokens:token(), terms := term(), grace := pos_integer()}.

%% There is a timer while the link has no connection.
-record(keeper, {token :: ecm_link_tokens:token(),
                 grace :: pos_integer(),
                 timer = none :: reference() | none}).

-opaque keeper() :: #keeper{}.

%% @doc Lets the link of the calling writer be found by its token, with what that says of it (`Found'). Its
%% connection is that of `Reader'.
-spec new(resumption(), Found :: term(), Reader :: pid(), Writer :: pid()) -> keeper().
new(#{token := Token, terms := Terms, grace := Grace}, Found, Reader, Writer) ->
    ecm_link_tokens:insert(Token, Writer, {Found, Terms}, Reader),
    #keeper{token = Token, grace = Grace}.

%% @doc Returns the packet that says to the peer which link this is, and how many packets have come over it.
-spec resume(Got :: ecm_link_ring:count(), keeper()) -> Packet :: binary().
resume(Got, #keeper{token = Token}) ->
    Fields = [{<<"link">>, Token}, {<<"got">>, integer_to_binary(Got)}],
    iolist_to_binary(ecm_link_packet:encode(0, ecm_link_message:write(resume, [], Fields))).

%% @doc Keeps the link from now on, whose connection has ended. `Clients' says for whom, in the log.
-spec broken(ecm_peer:peer(), Clients :: unicode:chardata(), keeper()) -> keeper().
broken(Peer, Clients, #keeper{token = Token, grace = Grace} = Keeper) ->
    ?INFO_MSG("ECM link from ~ts is kept for ~B seconds, with ~ts in flight",
              [ecm_peer:name(Peer), Grace div 1000, Clients]),
    lists:foreach(fun ecm_link_writer:make_way/1, ecm_link_tokens:broken(Token)),
    Keeper#keeper{timer = erlang:start_timer(Grace, self(), grace)}.

%% @doc Returns whether the time is over for which the link is kept, as the message `{timeout, Timer, grace}'
%% says.
-spec is_over(Timer :: reference(), keeper()) -> boolean().
is_over(Timer, #keeper{timer = Running}) ->
    Timer =:= Running.

%% @doc Notes that the link has a connection again, of this reader.
-spec attached(Reader :: pid(), keeper()) -> keeper().
attached(Reader, #keeper{token = Token, timer = Timer} = Keeper) ->
    _ = Timer =:= none orelse erlang:cancel_timer(Timer),
    ecm_link_tokens:attached(Token, Reader),
    Keeper#keeper{timer = none}.

%% @doc Lets nobody find the link any more.
-spec forget(keeper()) -> ok.
forget(#keeper{token = Token}) ->
    ecm_link_tokens:delete(Token).
