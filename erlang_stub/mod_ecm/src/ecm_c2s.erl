%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc A BOSH session inside ejabberd. It is one process, ejabberd's own c2s process, to which this
%% module is the socket (xmpp_socket):
%%
%%     ecm_request --> {ecm, Message} --> handle_info/2 --> ecm_session --> elements to the process
%%     ecm_writer  <----- answers ------  ecm_session <----- send_xml/2 <-- elements of the process
%%
%% The state of the session is in the dictionary of the process. What the process sends to the
%% client waits there until everything has been dealt with that had come before, so that it goes
%% out together. A session in which nothing happens hibernates.

-module(ecm_c2s).

-export([add_hooks/0, gone/2, open/5, request/4, start/2]).
-export([handle_info/2, host_up/1, terminated/2]).
-export([change_shaper/2, close/1, controlling_process/2, get_owner/1, get_transport/1, peername/1,
         reset_stream/1, send_xml/2, setopts/2, sockname/1]).
-export_type([exchange/0, options/0]).

-include_lib("ejabberd/include/logger.hrl").

%% Where an answer goes: to a connection of a link.
-type exchange() :: {Writer :: pid(), ecm_packet:id()}.

%% `c2s' are options of ejabberd's process; `hibernate_after' is in milliseconds.
-type options() :: #{session := ecm_session:options(),
                     c2s := [{atom(), term()}],
                     hibernate_after := non_neg_integer() | infinity}.

-type address() :: {inet:ip_address(), inet:port_number()}.

-type socket() :: {?MODULE, Client :: address()}.

%% The state of ejabberd_c2s.
-type state() :: map().

%% `settles' says that a message is under way after which what waits is sent.
-record(bosh, {session :: ecm_session:session(),
               nonce :: ecm_sid:nonce(),
               options :: options(),
               timer = none :: none | {reference(), Due :: integer()},
               rest = none :: none | reference(),
               settles = false :: boolean(),
               shaper = none :: term(),
               error = undefined :: binary() | undefined}).

-define(CLIENT, <<"jabber:client">>).
-define(STREAMS, <<"http://etherx.jabber.org/streams">>).

%% From the link.

%% @doc Lets the processes of all hosts listen to us. To do it twice is to do it once.
-spec add_hooks() -> ok.
add_hooks() ->
    lists:foreach(fun host_up/1, ejabberd_option:hosts()),
    ejabberd_hooks:add(host_up, ?MODULE, host_up, 50),
    ok.

%% @private Before those of mod_stream_mgmt and others; and after ejabberd_c2s has closed the
%% session, as what was not delivered would come back to it else.
-spec host_up(Host :: binary()) -> ok.
host_up(Host) ->
    ejabberd_hooks:add(c2s_handle_info, Host, ?MODULE, handle_info, 10),
    ejabberd_hooks:add(c2s_terminated, Host, ?MODULE, terminated, 110),
    ok.

%% @doc Starts the process of a session.
-spec start(Client :: ecm_peer:peer(), options()) -> pid().
start(Client, #{c2s := Opts}) ->
    Socket = {?MODULE, address(Client)},
    {ok, Session} = ejabberd_c2s:start(?MODULE, Socket, [{xml_socket, true} | Opts]),
    Session.

%% The rest of ejabberd takes it for granted that a session has an IP address.
-spec address(ecm_peer:peer()) -> address().
address({local, _}) -> {{127, 0, 0, 1}, 0};
address(Client) -> Client.

%% @doc Lets it begin, with the body that asks for it.
-spec open(pid(), ecm_body:body(), exchange(), ecm_sid:key(), options()) -> ok.
open(Session, Body, Exchange, Key, Options) ->
    ok = ejabberd_c2s:accept(Session),
    Session ! {ecm, {open, Body, Exchange, Key, Options}},
    ok.

%% @doc Hands over the body of a request, as it came.
-spec request(pid(), ecm_sid:nonce(), binary(), exchange()) -> ok.
request(Session, Nonce, Body, Exchange) ->
    Session ! {ecm, {request, Nonce, Body, Exchange}},
    ok.

%% @doc The client of a request has gone: nothing can be sent to it there any more.
-spec gone(pid(), exchange()) -> ok.
gone(Session, Exchange) ->
    Session ! {ecm, {gone, Exchange}},
    ok.

%% From ejabberd's hooks.

%% @private What comes to the process of any session of ejabberd; ours is taken.
-spec handle_info(state(), term()) -> state() | {stop, state()}.
handle_info(State, {ecm, Message}) ->
    message(Message, State),
    {stop, State};
handle_info(State, {timeout, Timer, ecm}) ->
    timeout(Timer, get(?MODULE), State),
    {stop, State};
handle_info(State, {'$gen_event', {xmlstreamstart, _, _}}) ->
    not_due(get(?MODULE), State);
handle_info(#{stream_state := disconnected} = State, {route, _} = Routed) ->
    case get(?MODULE) of
        undefined -> State;
        _ -> ecm_undelivered:postpone(Routed, State)
    end;
handle_info(State, _) ->
    _ = get(?MODULE) =:= undefined orelse settle(),
    State.

%% A restart at which nothing is to be restarted.
-spec not_due(#bosh{} | undefined, state()) -> state() | {stop, state()}.
not_due(undefined, State) -> State;
not_due(_, State) -> {stop, State}.

%% @private The session is over for ejabberd. What the client has not got goes where it would have
%% gone without this session; but stream management (XEP-0198) does so by itself.
-spec terminated(state(), term()) -> state().
terminated(State, _Reason) ->
    case get(?MODULE) of
        #bosh{session = Session} ->
            _ = [ecm_undelivered:route(ecm_session:undelivered(Session))
                 || not ecm_undelivered:is_managed(State), is_map_key(jid, State)],
            refuse_rest();
        undefined ->
            ok
    end,
    State.

%% Requests that came in the last moment.
-spec refuse_rest() -> ok.
refuse_rest() ->
    receive
        {ecm, {request, _, _, Exchange}} ->
            ecm_request:refuse(Exchange, <<"item-not-found">>),
            refuse_rest()
    after 0 ->
        ok
    end.

%% What comes from the link.

-spec message(term(), state()) -> ok.
message({open, Body, Exchange, Key, #{session := Limits} = Options}, State) ->
    Nonce = erlang:unique_integer([positive]) band 16#FFFFFFFF,
    Sid = ecm_sid:make(Key, self(), Nonce),
    case ecm_session:new(Body, Exchange, Sid, Limits, now_ms()) of
        {error, Actions} ->
            act(Actions, State),
            ejabberd_c2s:stop_async(self());
        {Actions, Session} ->
            put(?MODULE, #bosh{session = Session, nonce = Nonce, options = Options}),
            start_stream(maps:get(to, Body), maps:get(lang, Body, <<>>)),
            act(Actions, State),
            set_timer()
    end;
message({request, Nonce, Body, Exchange}, State) ->
    shape(Nonce, get(?MODULE), Body, Exchange, State);
message({shaped, Body, Exchange}, State) ->
    take(Body, Exchange, State);
message({gone, Exchange}, State) ->
    gone(Exchange, get(?MODULE), State);
message(settle, State) ->
    settled(get(?MODULE), State);
message(rest, State) ->
    hibernate(get(?MODULE), State).

%% It may have gone before its session has begun.
-spec gone(exchange(), #bosh{} | undefined, state()) -> ok.
gone(_, undefined, _) ->
    ok;
gone(Exchange, _, State) ->
    step(fun(Session) -> ecm_session:gone(Exchange, now_ms(), Session) end, State).

%% After an error of the stream comes its end, with which the error has to go to the client.
-spec settled(#bosh{}, state()) -> ok.
settled(#bosh{error = undefined} = Bosh, State) ->
    put(?MODULE, Bosh#bosh{settles = false}),
    step(fun(Session) -> ecm_session:flush(now_ms(), Session) end, State);
settled(_, _) ->
    ok.

%% The options may have a shaper for what a client sends: what is too much waits here.
-spec shape(ecm_sid:nonce(), #bosh{} | undefined, binary(), exchange(), state()) -> ok.
shape(Nonce, #bosh{nonce = Nonce, shaper = none}, Body, Exchange, State) ->
    take(Body, Exchange, State);
shape(Nonce, #bosh{nonce = Nonce, shaper = Shaper} = Bosh, Body, Exchange, State) ->
    {Next, Pause} = ejabberd_shaper:update(Shaper, byte_size(Body)),
    put(?MODULE, Bosh#bosh{shaper = Next}),
    case Pause > 0 of
        true -> _ = erlang:send_after(Pause, self(), {ecm, {shaped, Body, Exchange}}), ok;
        false -> take(Body, Exchange, State)
    end;
shape(_, _, _, Exchange, _) ->
    ecm_request:refuse(Exchange, <<"item-not-found">>).  % of a process that was here before

-spec take(binary(), exchange(), state()) -> ok.
take(Binary, Exchange, State) ->
    case ecm_body:parse(Binary) of
        {ok, Body} ->
            step(fun(Session) -> ecm_session:request(Body, Exchange, now_ms(), Session) end, State);
        {error, _} ->
            ecm_request:refuse(Exchange, <<"bad-request">>)
    end.

-spec timeout(reference(), #bosh{} | undefined, state()) -> ok.
timeout(Timer, #bosh{timer = {Timer, _}} = Bosh, State) ->
    put(?MODULE, Bosh#bosh{timer = none}),
    step(fun(Session) -> ecm_session:timeout(now_ms(), Session) end, State);
timeout(_, _, _) ->
    ok.

%% Lets something happen in the session, does what comes of it, and rests if that was all.
-spec step(fun((ecm_session:session()) -> {[ecm_session:action()], ecm_session:session()}),
           state()) -> ok.
step(Happen, State) ->
    #bosh{session = Session} = Bosh = get(?MODULE),
    {Actions, Next} = Happen(Session),
    put(?MODULE, Bosh#bosh{session = Next}),
    act(Actions, State),
    set_timer(),
    rest(get(?MODULE), State).

-spec act([ecm_session:action()], state()) -> ok.
act(Actions, State) ->
    lists:foreach(fun(Action) -> action(Action, State) end, Actions).

-spec action(ecm_session:action(), state()) -> ok.
action({answer, {Writer, Id}, Status, Body}, _) ->
    ecm_writer:answer(Writer, Id, Status, iolist_to_binary(Body));
action({deliver, Elements}, _) ->
    lists:foreach(fun(Element) -> event({xmlstreamelement, Element}) end, Elements),
    settle();
action(restart, #{server := Server, lang := Lang}) ->
    start_stream(Server, Lang);
action({over, terminated}, _) ->
    event({xmlstreamend, <<"stream:stream">>});
action({over, _}, _) ->
    event(closed).

-spec start_stream(Server :: binary(), Lang :: binary()) -> ok.
start_stream(Server, Lang) ->
    event({xmlstreamstart, <<"stream:stream">>,
           [{<<"to">>, Server}, {<<"version">>, <<"1.0">>}, {<<"xml:lang">>, Lang},
            {<<"xmlns">>, ?CLIENT}, {<<"xmlns:stream">>, ?STREAMS}]}),
    settle().

%% To the process itself, behind what has come before.
-spec event(term()) -> ok.
event(Event) ->
    self() ! {'$gen_event', Event},
    ok.

-spec settle() -> ok.
settle() ->
    case get(?MODULE) of
        #bosh{settles = true} ->
            ok;
        Bosh ->
            put(?MODULE, Bosh#bosh{settles = true}),
            self() ! {ecm, settle},
            ok
    end.

%% One timer, for what is due next.
-spec set_timer() -> ok.
set_timer() ->
    #bosh{session = Session, timer = Timer} = Bosh = get(?MODULE),
    case {ecm_session:deadline(Session), Timer} of
        {Due, {_, Due}} -> ok;
        {Due, _} -> put(?MODULE, Bosh#bosh{timer = start_timer(Due, Timer)}), ok
    end.

-spec start_timer(integer() | infinity, none | {reference(), integer()}) ->
    none | {reference(), integer()}.
start_timer(Due, {Timer, _}) ->
    _ = erlang:cancel_timer(Timer, [{async, true}, {info, false}]),
    start_timer(Due, none);
start_timer(infinity, none) ->
    none;
start_timer(Due, none) ->
    {erlang:start_timer(Due, self(), ecm, [{abs, true}]), Due}.

-spec now_ms() -> integer().
now_ms() ->
    erlang:monotonic_time(millisecond).

%% Rest.

-spec rest(#bosh{}, state()) -> ok.
rest(#bosh{settles = true}, _) ->
    ok;
rest(#bosh{options = #{hibernate_after := 0}} = Bosh, State) ->
    hibernate(Bosh, State);
rest(#bosh{options = #{hibernate_after := infinity}}, _) ->
    ok;
rest(#bosh{options = #{hibernate_after := After}, rest = Rest} = Bosh, _) ->
    _ = is_reference(Rest) andalso erlang:cancel_timer(Rest, [{async, true}, {info, false}]),
    put(?MODULE, Bosh#bosh{rest = erlang:send_after(After, self(), {ecm, rest})}),
    ok.

%% Does not return where the process goes to sleep. It must not while p1_server has taken messages
%% from the mailbox and not dealt with them yet; nor before the session is established, as it has a
%% time then after which it wakes up by itself.
-spec hibernate(#bosh{} | undefined, state()) -> ok.
hibernate(#bosh{options = #{c2s := Opts}},
          #{stream_state := established, stream_timeout := infinity} = State) ->
    case get('$internal_queue_len') =:= 0
        andalso process_info(self(), message_queue_len) =:= {message_queue_len, 0} of
        true -> ecm_sleep:sleep(State, ejabberd_config:fsm_limit_opts(Opts));
        false -> settle()  % and rest then
    end;
hibernate(_, _) ->
    ok.

%% As xmpp_socket has it. All of it is called by the process of the session.

-spec send_xml(socket(), tuple()) -> ok | {error, closed}.
send_xml(_, {xmlstreamelement, Element}) ->
    send(Element, get(?MODULE));
send_xml(_, _) ->
    ok.  % a BOSH session has no header and no end

-spec send(tuple(), #bosh{} | undefined) -> ok | {error, closed}.
send(_, undefined) ->
    {error, closed};
send(Element, #bosh{session = Session} = Bosh) ->
    Next = ecm_session:send(encode(Element), Session),
    put(?MODULE, error_of(Element, Bosh#bosh{session = Next})),
    settle().

%% All sessions of a host are given the same features, and remember them for a while.
-spec encode(tuple()) -> binary().
encode({xmlel, <<"stream:features">>, _, _} = El) -> ecm_shared:term(ecm_body:encode(El));
encode(El) -> ecm_body:encode(El).

-spec error_of(tuple(), #bosh{}) -> #bosh{}.
error_of({xmlel, <<"stream:error">>, _, _}, Bosh) -> Bosh#bosh{error = <<"remote-stream-error">>};
error_of(_, Bosh) -> Bosh.

-spec close(socket()) -> ok.
close(_) ->
    close_session(get(?MODULE)).

-spec close_session(#bosh{} | undefined) -> ok.
close_session(undefined) ->
    ok;
close_session(#bosh{session = Session, error = Error, timer = Timer} = Bosh) ->
    {Actions, Next} = ecm_session:close(Error, now_ms(), Session),
    put(?MODULE, Bosh#bosh{session = Next, timer = start_timer(infinity, Timer)}),
    _ = [ecm_writer:answer(Writer, Id, Status, iolist_to_binary(Body))
         || {answer, {Writer, Id}, Status, Body} <- Actions],
    ok.

%% Never the process itself, which would be given an XML stream then. This one is there as long as
%% ejabberd is.
-spec get_owner(socket()) -> pid().
get_owner(_) ->
    whereis(ejabberd_sup).

-spec peername(socket()) -> {ok, address()}.
peername({?MODULE, Client}) ->
    {ok, Client}.

-spec sockname(socket()) -> {ok, address()}.
sockname({?MODULE, Client}) ->
    {ok, Client}.

-spec get_transport(socket()) -> http_bind.
get_transport(_) ->
    http_bind.

-spec change_shaper(socket(), term()) -> ok.
change_shaper(_, Shaper) ->
    case get(?MODULE) of
        undefined -> ok;
        Bosh -> put(?MODULE, Bosh#bosh{shaper = Shaper}), ok
    end.

-spec reset_stream(socket()) -> socket().
reset_stream(Socket) -> Socket.

-spec setopts(socket(), list()) -> ok.
setopts(_, _) -> ok.

-spec controlling_process(socket(), pid()) -> ok.
controlling_process(_, _) -> ok.
