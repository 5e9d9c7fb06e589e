%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc A BOSH session inside ejabberd. It is one process, ejabberd's own c2s process:
%%
%%     ecm_router --> {ecm, Message} --> handle_info/2 --> ecm_bosh --> elements to the process
%%     ecm_link_writer <-------- answers ----------------- ecm_bosh <-- elements of the process
%%
%% The state of the session is in the dictionary of the process. What the process sends to the
%% client waits there until everything has been dealt with that had come before, so that it goes
%% out together. A session in which nothing happens hibernates.

-module(ecm_c2s).

-export([add_hooks/0, asleep/0, awake/1, doze/0, gone/3, is_session/0, logged_in/0,
         open/5, request/4, start/2]).
-export([handle_info/2, host_up/1, terminated/2]).
-export([change_shaper/1, close/0, send/1]).
-export_type([departure/0, exchange/0, options/0, request/0]).

%% Where an answer goes: to a connection of a link, which can carry a body of so many bytes.
-type exchange() :: {Writer :: pid(), ecm_link_packet:id(), Limit :: pos_integer()}.

%% The body of a request, of so many bytes, of which the start tag has been read; or why nothing more
%% can be made of it.
-type request() :: {ecm_bosh_body:head(), ecm_bosh_body:content(), Bytes :: non_neg_integer()} |
                   {violates, Condition :: binary()}.

%% `c2s' are options of ejabberd's process; `hibernate_after' is in milliseconds.
-type options() :: #{session := ecm_bosh:options(),
                     c2s := [{atom(), term()}],
                     hibernate_after := non_neg_integer() | infinity}.

%% What has become of the client of a request: it closed the connection, or its end of it.
-type departure() :: gone | half_closed.

%% The state of ejabberd_c2s.
-type state() :: map().

%% `settles' says that a message is under way after which what waits is sent.
-record(bosh, {session :: ecm_bosh:session(),
               nonce :: ecm_sid:nonce(),
               options :: options(),
               content = none :: binary() | none,  % what the client has asked for
               timer = none :: ecm_c2s_timer:timer(),
               rest = none :: none | reference() | due,
               settles = false :: boolean(),
               shaper = none :: term(),
               error = undefined :: binary() | undefined}).

-define(CLIENT, <<"jabber:client">>).

%% In the dictionary as long as the client has not logged in.
-define(NEWCOMER, ecm_newcomer).

%% Elements in one body: of a client that has not logged in, which needs one or two, and each of which
%% may be a password to be tried; and of others. A client that has much to say at once has tens. The
%% process has all of them in its mailbox, and ejabberd ends it where there are 10,000 (max_fsm_queue).
-define(FIRST_ELEMENTS, 16).
-define(MOST_ELEMENTS, 1000).

%% Words of memory of a session that is awake, at least. A message needs about so much; a heap that
%% begins with what a sleeping session has would be collected several times on the way there.
-define(AWAKE, 2586).

%% From the link.

%% @doc Adds the hooks of hosts that are yet to come. Idempotent, as host_up/1 is.
-spec add_hooks() -> ok.
add_hooks() ->
    ejabberd_hooks:add(host_up, ?MODULE, host_up, 50),
    ok.

%% @doc Adds the hooks of a host: before those of mod_stream_mgmt and others, and after ejabberd_c2s has
%% closed the session. Otherwise, what was not delivered would come back to the session.
-spec host_up(Host :: binary()) -> ok.
host_up(Host) ->
    ejabberd_hooks:add(c2s_handle_info, Host, ?MODULE, handle_info, 10),
    ejabberd_hooks:add(c2s_terminated, Host, ?MODULE, terminated, 110),
    ejabberd_hooks:add(c2s_auth_result, Host, ecm_c2s_admission, auth_result, 50),
    ok.

%% @doc Says whether the calling process is that of a session.
-spec is_session() -> boolean().
is_session() ->
    get(?MODULE) =/= undefined.

%% @doc The client of the calling session has logged in.
-spec logged_in() -> ok.
logged_in() ->
    _ = erase(?NEWCOMER),
    ok.

%% @doc Starts the process of a session.
-spec start(Client :: ecm_peer:peer(), options()) -> pid().
start(Client, #{c2s := Opts}) ->
    ecm_c2s_socket:start(ecm_peer:address(Client), Opts).

%% @doc Lets it begin, with the body that asks for it.
-spec open(pid(), ecm_bosh_body:body(), exchange(), ecm_sid:key(), options()) -> ok.
open(Session, Body, Exchange, Key, Options) ->
    ok = ejabberd_c2s:accept(Session),
    Session ! {ecm, {open, Body, Exchange, Key, Options}},
    ok.

%% @doc Hands over a request.
-spec request(pid(), ecm_sid:nonce(), request(), exchange()) -> ok.
request(Session, Nonce, Request, Exchange) ->
    Session ! {ecm, {request, Nonce, Request, Exchange}},
    ok.

%% @doc The client of a request has gone: nothing can be sent to it there any more. Or it may have, as
%% it has closed its end: nothing that waits is sent to it there.
-spec gone(pid(), exchange(), departure()) -> ok.
gone(Session, Exchange, Departure) ->
    Session ! {ecm, {Departure, Exchange}},
    ok.

%% From ejabberd's hooks.

%% @private What comes to the process of any session of ejabberd; ours is taken.
-spec handle_info(state(), term()) -> state() | {stop, state()}.
handle_info(#{server := Server, lang := Lang} = State, {ecm, restart}) ->
    start_stream(Server, Lang),
    {stop, State};
handle_info(State, {ecm, Message}) ->
    message(Message),
    rest(get(?MODULE), State),
    {stop, State};
handle_info(State, {timeout, Timer, ecm}) ->
    timeout(Timer, get(?MODULE)),
    rest(get(?MODULE), State),
    {stop, State};
handle_info(State, {'$gen_event', {xmlstreamstart, _, _}}) ->
    not_due(get(?MODULE), State);
handle_info(#{stream_state := disconnected} = State, {route, Packet}) ->
    late(Packet, get(?MODULE), State);
handle_info(State, _) ->
    _ = get(?MODULE) =:= undefined orelse settle(),
    State.

%% It came before the session was taken from those of the user, and goes where what waits goes.
-spec late(tuple(), #bosh{} | undefined, state()) -> state() | {stop, state()}.
late(Packet, #bosh{} = Bosh, State)
  when not is_map_key(mgmt_state, State); map_get(mgmt_state, State) =:= inactive ->
    wait(encode(xmpp:encode(Packet, ?CLIENT)), Bosh),
    {stop, State};
late(_, _, State) -> State.

%% A restart at which nothing is to be restarted.
-spec not_due(#bosh{} | undefined, state()) -> state() | {stop, state()}.
not_due(undefined, State) -> State;
not_due(_, State) -> {stop, State}.

%% @private The session is over for ejabberd. What the client has not got goes where it would have
%% gone without this session; then clients are told. Who is told can count on the rest.
-spec terminated(state(), term()) -> state().
terminated(State, _Reason) ->
    case get(?MODULE) of
        #bosh{session = Session} ->
            ecm_c2s_undelivered:route(ecm_bosh:undelivered(Session), State),
            close(),
            say_farewell(get(?MODULE)),
            ecm_router:refuse_rest();
        undefined ->
            ok
    end,
    State.

-spec say_farewell(#bosh{}) -> ok.
say_farewell(#bosh{session = Session, nonce = Nonce, content = Content}) ->
    case ecm_bosh:last_word(Session) of
        {Answer, Milliseconds} ->
            {Status, Body} = ecm_bosh_answer:content(Answer),
            ecm_c2s_farewell:leave(Nonce, ecm_link_answer:head(Status, Content), Body, Milliseconds);
        none ->
            ok
    end.

%% @doc Deals with what has come, as far as it needs no state of ejabberd_c2s. What the process sends
%% itself is left, as it comes in the right order only with all else.
-spec doze() -> ok.
doze() ->
    receive
        {ecm, Message} when is_tuple(Message) ->
            message(Message),
            doze();
        {timeout, Timer, ecm} ->
            timeout(Timer, get(?MODULE)),
            doze()
    after 0 ->
        ok
    end.

%% What comes from the link.

-spec message(term()) -> ok.
message({open, Asked, Exchange, Key, #{session := Limits} = Options}) ->
    Body = ecm_bosh_terms:addressed(Asked),
    put(?NEWCOMER, true),
    _ = process_flag(min_heap_size, ?AWAKE),
    Nonce = erlang:unique_integer([positive]) band 16#FFFFFFFF,
    Sid = ecm_sid:make(Key, self(), Nonce),
    Content = ecm_link_answer:content_type(maps:get(content, Body, none)),
    case ecm_bosh:new(Body, Exchange, Sid, Limits, now_ms()) of
        {error, {Status, Answer}} ->
            answer(Exchange, Status, Answer, Content),
            ejabberd_c2s:stop_async(self());
        {Actions, Session} ->
            put(?MODULE, #bosh{session = Session, nonce = Nonce, options = Options,
                                content = Content}),
            start_stream(maps:get(to, Body), maps:get(lang, Body, <<>>)),
            act(Actions),
            set_timer()
    end;
message({request, Nonce, Request, Exchange}) ->
    requested(Nonce, get(?MODULE), Request, Exchange);
message({gone, Exchange}) ->
    vanished(fun ecm_bosh:gone/3, Exchange, get(?MODULE));
message({half_closed, Exchange}) ->
    vanished(fun ecm_bosh:half_closed/3, Exchange, get(?MODULE));
message(settle) ->
    settled(get(?MODULE));
message(rest) ->
    put(?MODULE, (get(?MODULE))#bosh{rest = due}),
    ok.

%% It may have gone before its session has begun.
-spec vanished(How :: fun(), exchange(), #bosh{} | undefined) -> ok.
vanished(_, _, undefined) ->
    ok;
vanished(How, Exchange, _) ->
    step(fun(Session) -> How(Exchange, now_ms(), Session) end).

%% After an error of the stream comes its end, with which the error has to go to the client.
-spec settled(#bosh{}) -> ok.
settled(#bosh{error = undefined} = Bosh) ->
    put(?MODULE, Bosh#bosh{settles = false}),
    step(fun(Session) ->
                 {Actions, Flushed} = ecm_bosh:flush(now_ms(), Session),
                 {Ends, Next} = ecm_bosh:limit(Flushed),
                 {Actions ++ Ends, Next}
         end);
settled(_) -> ok.

-spec requested(ecm_sid:nonce(), #bosh{} | undefined, request(), exchange()) -> ok.
requested(Nonce, #bosh{nonce = Nonce}, {violates, Condition}, Exchange) ->
    step(fun(Session) -> ecm_bosh:violate(Condition, Exchange, Session) end);
requested(Nonce, #bosh{nonce = Nonce} = Bosh, {Head, Content, Bytes}, Exchange) ->
    Request = shape(Bytes, Head#{els => {unread, Content}}, Bosh),
    step(fun(Session) -> ecm_bosh:request(Request, Exchange, now_ms(), Session) end);
requested(Nonce, _, _, Exchange) ->
    ecm_c2s_farewell:answer(self(), Nonce, Exchange).  % of a process that was here before

%% The options may have a shaper for what a client sends: what is too much waits in the session,
%% which takes no more requests than there may be at once.
-spec shape(Bytes :: non_neg_integer(), Request, #bosh{}) -> Request when
      Request :: ecm_bosh_window:request().
shape(_, Request, #bosh{shaper = none}) ->
    Request;
shape(Bytes, Request, #bosh{shaper = Shaper} = Bosh) ->
    {Next, Pause} = ejabberd_shaper:update(Shaper, Bytes),
    put(?MODULE, Bosh#bosh{shaper = Next}),
    Request#{due => now_ms() + Pause}.

-spec timeout(reference(), #bosh{} | undefined) -> ok.
timeout(Timer, #bosh{timer = {Timer, _}} = Bosh) ->
    put(?MODULE, Bosh#bosh{timer = none}),
    step(fun(Session) -> ecm_bosh:timeout(now_ms(), Session) end);
timeout(_, _) -> ok.

%% Lets something happen in the session, and does what comes of it.
-spec step(fun((ecm_bosh:session()) -> {[ecm_bosh:action()], ecm_bosh:session()})) -> ok.
step(Happen) ->
    #bosh{session = Session} = Bosh = get(?MODULE),
    {Actions, Next} = Happen(Session),
    put(?MODULE, Bosh#bosh{session = Next}),
    act(Actions),
    set_timer().

-spec act([ecm_bosh:action()]) -> ok.
act(Actions) ->
    lists:foreach(fun action/1, Actions).

%% Nothing here needs the state of ejabberd_c2s; for what does, the process sends itself a message.
-spec action(ecm_bosh:action()) -> ok.
action({answer, Exchange, Status, Body}) ->
    #bosh{content = Content} = get(?MODULE),
    answer(Exchange, Status, Body, Content);
action({bounce, Instead, Bytes, Limit}) ->
    ecm_c2s_bounce:log_and_route(Instead, Bytes, Limit);
action({deliver, Elements}) ->
    case length(Elements) > most_elements() of
        true -> ecm_c2s_socket:too_much();
        false -> lists:foreach(fun ecm_c2s_socket:received/1, Elements)
    end,
    settle();
action(restart) ->
    self() ! {ecm, restart},
    ok;
action({over, terminated}) ->
    ecm_c2s_socket:ended();
action({over, _}) ->
    ecm_c2s_socket:closed().

-spec most_elements() -> pos_integer().
most_elements() ->
    case get(?NEWCOMER) of
        true -> ?FIRST_ELEMENTS;
        undefined -> ?MOST_ELEMENTS
    end.

-spec answer(exchange(), ecm_bosh_answer:status(), iodata(), Content :: binary() | none) -> ok.
answer({Writer, Id, _}, Status, Body, Content) ->
    ecm_link_writer:answer(Writer, Id, ecm_link_answer:head(Status, Content), iolist_to_binary(Body)).

-spec start_stream(Server :: binary(), Lang :: binary()) -> ok.
start_stream(Server, Lang) ->
    ecm_c2s_socket:begun(Server, Lang),
    settle().

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

-spec set_timer() -> ok.
set_timer() ->
    #bosh{session = Session, timer = Timer} = Bosh = get(?MODULE),
    put(?MODULE, Bosh#bosh{timer = ecm_c2s_timer:set(ecm_bosh:deadline(Session), Timer)}),
    ok.

-spec now_ms() -> integer().
now_ms() ->
    erlang:monotonic_time(millisecond).

%% Rest.

-spec rest(#bosh{} | undefined, state()) -> ok.
rest(#bosh{settles = false, options = #{hibernate_after := 0}} = Bosh, State) ->
    sleep(Bosh, State);
rest(#bosh{settles = false, rest = due} = Bosh, State) ->
    put(?MODULE, Bosh#bosh{rest = none}),
    sleep(Bosh, State);
rest(#bosh{settles = false, options = #{hibernate_after := After}, rest = Rest} = Bosh, _)
  when is_integer(After) ->
    _ = is_reference(Rest) andalso erlang:cancel_timer(Rest, [{async, true}, {info, false}]),
    put(?MODULE, Bosh#bosh{rest = erlang:send_after(After, self(), {ecm, rest})}),
    ok;
rest(_, _) -> ok.

%% If it cannot now, it will try again when that has been dealt with which is to come.
-spec sleep(#bosh{}, state()) -> ok.
sleep(#bosh{options = #{c2s := Opts}}, State) ->
    case ecm_c2s_hibernate:sleep(State, ejabberd_config:fsm_limit_opts(Opts)) of
        busy -> settle();
        unfit -> ok
    end.

%% @doc Takes the session out of the dictionary, in fewer words of memory.
-spec asleep() -> [term()].
asleep() ->
    case erase(?MODULE) of
        #bosh{timer = {Timer, Due}, rest = none, settles = false, error = undefined} = Bosh ->
            #bosh{session = Session, nonce = Nonce, options = Options, content = Content} = Bosh,
            [Timer, Due, Nonce, Options, Content, Bosh#bosh.shaper | ecm_bosh:asleep(Session)];
        Bosh -> [Bosh]
    end.

%% @doc Puts it there again.
-spec awake(Asleep :: [term()]) -> ok.
awake([Timer, Due, Nonce, Options, Content, Shaper | Session]) ->
    awake([#bosh{session = ecm_bosh:awake(Session), nonce = Nonce, options = Options,
                 content = Content, timer = {Timer, Due}, shaper = Shaper}]);
awake([Bosh]) ->
    put(?MODULE, Bosh),
    ok.

%% From ejabberd_c2s, through ecm_c2s_socket.

%% @doc Lets an element wait for the client.
-spec send(tuple()) -> ok | {error, closed}.
send(Element) ->
    send(Element, get(?MODULE)).

-spec send(tuple(), #bosh{} | undefined) -> ok | {error, closed}.
send(_, undefined) ->
    {error, closed};
send(Element, Bosh) ->
    wait(encode(Element), error_of(Element, Bosh)),
    settle().

-spec wait(ecm_bosh_outbox:el(), #bosh{}) -> ok.
wait(El, #bosh{session = Session} = Bosh) ->
    {Actions, Next} = ecm_bosh:send(El, Session),
    put(?MODULE, Bosh#bosh{session = Next}),
    act(Actions).

%% All sessions are given the same features of a host and the same success, and remember them.
-spec encode(tuple()) -> binary().
encode({xmlel, <<"stream:features">>, _, _} = El) -> ecm_intern:term(ecm_bosh_body:encode(El));
encode({xmlel, <<"success">>, _, []} = El) -> ecm_intern:term(ecm_bosh_body:encode(El));
encode(El) -> ecm_bosh_body:encode(El).

-spec error_of(tuple(), #bosh{}) -> #bosh{}.
error_of({xmlel, <<"stream:error">>, _, Els}, Bosh) -> Bosh#bosh{error = condition(Els)};
error_of(_, Bosh) -> Bosh.

%% A host that is not served here has a condition of its own (XEP-0124, section 17.2).
-spec condition([tuple()]) -> binary().
condition([{xmlel, <<"host-unknown">>, _, _} | _]) -> <<"host-unknown">>;
condition(_) -> <<"remote-stream-error">>.

%% @doc Ends the session, if it has begun.
-spec close() -> ok.
close() ->
    close(get(?MODULE)).

-spec close(#bosh{} | undefined) -> ok.
close(undefined) -> ok;
close(#bosh{session = Session, error = Error, timer = Timer, content = Content} = Bosh) ->
    {Actions, Next} = ecm_bosh:close(Error, now_ms(), Session),
    put(?MODULE, Bosh#bosh{session = Next, timer = ecm_c2s_timer:set(infinity, Timer)}),
    _ = [answer(Exchange, Status, Body, Content)
         || {answer, Exchange, Status, Body} <- Actions],
    ok.

%% @doc Has another shaper limit what the client sends from now on.
-spec change_shaper(term()) -> ok.
change_shaper(Shaper) ->
    case get(?MODULE) of
        undefined -> ok;
        Bosh -> put(?MODULE, Bosh#bosh{shaper = Shaper}), ok
    end.
