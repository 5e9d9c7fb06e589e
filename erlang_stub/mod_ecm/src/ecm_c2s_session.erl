%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The BOSH session in the dictionary of its process: messages from the link go into ecm_bosh, and what
%% comes of them goes to the link and to ejabberd_c2s.
%%
%% What the process sends to the client waits until all messages that came before are handled, so that it
%% goes out together. A session in which nothing happens hibernates.
%%
%% The process of the session calls all functions.

-module(ecm_c2s_session).

-export([binding/0, finish/0, handle/1, is_request/1, is_session/0, keep/1, logged_in/0, maybe_hibernate/1,
         opened/1, restart_stream/2, schedule_flush/0, timeout/1, undelivered/0]).
-export([change_shaper/1, close/0, send/1]).
-export([dehydrate/0, handle_pending/0, rehydrate/1, socket_module/0, wake/1]).
-export([client/0, facts/0, max_waiting_size/0, tag/0]).
-export([flush_now/0, freeze/0, nonce/0, thaw/3]).
-export_type([frozen/0, options/0, request/0]).

%% A body of so many bytes, whose start tag has been read; or the condition that a body violates which
%% cannot be read.
-type request() :: {ecm_bosh_body:head(), ecm_bosh_body:content(), Bytes :: non_neg_integer()} |
                   {violates, Condition :: binary()}.

%% `c2s' are options of ejabberd's process; `hibernate_after' is in milliseconds.
-type options() :: #{session := ecm_bosh:options(),
                     c2s := [{atom(), term()}],
                     hibernate_after := non_neg_integer() | infinity}.

%% With `flush_scheduled', a message is under way after which what waits is sent. An `error' of the stream waits here
%% for the end. ecm_c2s_process tells by the name of the record that this is a session of BOSH.
-record(session, {bosh :: ecm_bosh:session(),
                  nonce :: ecm_sid:nonce(),
                  options :: options(),
                  content_type = none :: binary() | none,  % what the client has asked for
                  timer = none :: ecm_c2s_timer:timer(),
                  hibernation = none :: ecm_c2s_idle:idle(),
                  flush_scheduled = false :: boolean(),
                  shaper = none :: term(),
                  error = undefined :: undefined | {Condition :: binary(), ecm_bosh_outbox:el()} | Told :: binary()}).

%% A session for another process, without pids and with times that begin at 0.
-type frozen() :: #{bosh := ecm_bosh:session(), nonce := ecm_sid:nonce(), options := options(),
                    content_type := binary() | none, shaper := term()}.

-define(CLIENT, <<"jabber:client">>).

%% @doc Returns whether the calling process has a BOSH session.
-spec is_session() -> boolean().
is_session() ->
    ecm_c2s_process:is_session() andalso ecm_c2s_process:kind() =:= ?MODULE.

%% @doc Returns whether a term from another node, which may run another release, is a request.
-spec is_request(term()) -> boolean().
is_request({violates, Condition}) ->
    is_binary(Condition);
is_request({Head, Content, Bytes}) ->
    is_map(Head) andalso is_integer(Bytes) andalso ecm_bosh_body:is_content(Content);
is_request(_) ->
    false.

%% @doc Notes that the client has logged in.
-spec logged_in() -> ok.
logged_in() ->
    #session{bosh = Bosh, options = #{session := Limits}} = Session = get(?MODULE),
    ok = ecm_c2s_process:logged_in(),
    put(?MODULE, Session#session{bosh = ecm_bosh:logged_in(Limits, Bosh)}),
    ok.

%% @doc Returns the library of the client, for statistics.
-spec client() -> ecm_stats:client().
client() ->
    #session{bosh = Bosh} = get(?MODULE),
    ecm_bosh:client(Bosh).

%% @doc Returns what operators may want to know of the session.
-spec facts() -> #{atom() => term()}.
facts() ->
    #session{bosh = Bosh, nonce = Nonce} = get(?MODULE),
    Facts = ecm_bosh:facts(now_ms(), Bosh),
    Facts#{tag => Nonce, transport => bosh, id => ids(maps:get(exchanges, Facts, []))}.

%% The numbers on their links of the connections whose requests are held.
-spec ids([ecm_link_writer:exchange()]) -> iodata() | none.
ids([]) -> none;
ids(Exchanges) -> lists:join($,, [integer_to_binary(Id) || {_, Id, _} <- Exchanges]).

%% @doc Returns the number by which the log names the session, once it has begun.
-spec tag() -> ecm_sid:nonce() | none.
tag() ->
    case get(?MODULE) of
        #session{nonce = Nonce} -> Nonce;
        undefined -> none
    end.

%% @doc Returns the bytes of stanzas that may wait for the client.
-spec max_waiting_size() -> pos_integer().
max_waiting_size() ->
    #session{bosh = Bosh} = get(?MODULE),
    ecm_bosh:max_waiting_size(Bosh).

%% @doc Returns what the login of the client may be bound to: nothing, as browsers do not show it to a page.
-spec binding() -> none.
binding() -> none.

%% @doc Returns the state of ejabberd_c2s now that the client has a resource.
-spec opened(State) -> State when State :: map().
opened(State) -> State.

%% From the link, through ecm_c2s.

%% @doc Handles a message of the link, or one that the process has sent to itself.
-spec handle(term()) -> ok.
handle({request, Nonce, Request, Exchange}) ->
    request(Nonce, get(?MODULE), Request, Exchange);
handle({gone, Exchange}) ->
    client_gone(fun ecm_bosh:gone/3, Exchange, get(?MODULE));
handle({half_closed, Exchange}) ->
    client_gone(fun ecm_bosh:half_closed/3, Exchange, get(?MODULE));
handle(flush) ->
    flush(get(?MODULE));
handle(hibernate) ->
    put(?MODULE, (get(?MODULE))#session{hibernation = due}),
    ok;
handle({open, Body, Exchange, Key, Options}) ->
    open(ecm_bosh_terms:addressed(Body), Exchange, Key, Options).

-spec open(ecm_bosh_body:body(), ecm_link_writer:exchange(), ecm_sid:key(), options()) -> ok.
open(Body, Exchange, Key, #{session := Limits, c2s := Opts} = Options) ->
    Nonce = ecm_sid:nonce(),
    Sid = ecm_sid:make(Key, self(), Nonce),
    ContentType = ecm_link_answer:content_type(maps:get(content, Body, none)),
    case ecm_bosh:new(Body, Exchange, Sid, Limits, now_ms()) of
        {error, {Status, Answer}} ->
            answer(Exchange, Status, Answer, ContentType),
            ejabberd_c2s:stop_async(self());
        {Actions, Bosh} ->
            ok = ecm_c2s_process:newcomer(),
            put(?MODULE, #session{bosh = Bosh, nonce = Nonce, options = Options,
                                  content_type = ContentType}),
            ecm_stats:created(ecm_bosh:client(Bosh)),
            ecm_c2s_stream:begun(Body, proplists:get_bool(allow_unencrypted_sasl2, Opts)),
            act(Actions),
            schedule_flush(),  % with what comes of the elements in this body
            set_timer()
    end.

%% The client may be gone before its session has begun.
-spec client_gone(How :: fun(), ecm_link_writer:exchange(), #session{} | undefined) -> ok.
client_gone(_, _, undefined) ->
    ok;
client_gone(How, Exchange, _) ->
    run(fun(Bosh) -> How(Exchange, now_ms(), Bosh) end).

%% After an error of the stream comes its end. What waits must go to the client together with both.
-spec flush(#session{}) -> ok.
flush(#session{error = undefined} = Session) ->
    put(?MODULE, Session#session{flush_scheduled = false}),
    run(fun(Bosh) ->
                {Actions, Flushed} = ecm_bosh:flush(now_ms(), Bosh),
                {Ends, Next} = ecm_bosh:limit(Flushed),
                {Actions ++ Ends, Next}
        end);
flush(_) -> ok.

-spec request(ecm_sid:nonce(), #session{} | undefined, request(), ecm_link_writer:exchange()) -> ok.
request(Nonce, #session{nonce = Nonce}, {violates, Condition}, Exchange) ->
    run(fun(Bosh) -> noted(unknown, ecm_bosh:violate(Condition, Exchange, Bosh)) end);
request(Nonce, #session{nonce = Nonce} = Session, {Head, Content, Bytes}, Exchange) ->
    Request = shape(Bytes, Head#{els => {unread, Content}, bytes => Bytes}, Session),
    Rid = maps:get(rid, Head, unknown),
    run(fun(Bosh) -> noted(Rid, ecm_bosh:request(Request, Exchange, now_ms(), Bosh)) end);
request(Nonce, _, _, Exchange) ->
    ecm_c2s_farewell:answer(self(), Nonce, Exchange).  % of an earlier process with the same pid

%% Counts a request that ends the session, because it is wrong.
-spec noted(Rid :: pos_integer() | unknown, {[ecm_bosh:action()], ecm_bosh:session()}) ->
    {[ecm_bosh:action()], ecm_bosh:session()}.
noted(Rid, {Actions, Bosh} = Result) ->
    case lists:keyfind(over, 1, Actions) of
        {over, Condition} when is_binary(Condition) ->
            ecm_stats:error(ecm_bosh:cause(Condition, Rid, Bosh), ecm_bosh:client(Bosh)),
            ecm_c2s_end:because(policy);
        _ -> ok
    end,
    Result.

%% A shaper may limit what a client sends: what is too much waits in the session, which accepts no more
%% requests than there may be at once.
-spec shape(Bytes :: non_neg_integer(), Request, #session{}) -> Request when
      Request :: ecm_bosh_window:request().
shape(_, Request, #session{shaper = none}) ->
    Request;
shape(Bytes, Request, #session{shaper = Shaper} = Session) ->
    {Next, Pause} = ejabberd_shaper:update(Shaper, Bytes),
    put(?MODULE, Session#session{shaper = Next}),
    Request#{due => now_ms() + Pause}.

%% @doc Handles the message of a timer.
-spec timeout(ecm_c2s_timer:key()) -> ok.
timeout(Key) ->
    timeout(Key, get(?MODULE)).

%% The deadline of a process that is gone may reach another one with the same ID.
-spec timeout(ecm_c2s_timer:key(), #session{} | undefined) -> ok.
timeout(_, undefined) ->
    ok;
timeout(Key, #session{timer = Timer} = Session) ->
    case ecm_c2s_timer:is_over(Key, Timer) of
        true ->
            put(?MODULE, Session#session{timer = none}),
            run(fun(Bosh) -> ecm_bosh:timeout(now_ms(), Bosh) end);
        false ->
            ok
    end.

%% Runs a step of the session, and carries out its actions.
-spec run(fun((ecm_bosh:session()) -> {[ecm_bosh:action()], ecm_bosh:session()})) -> ok.
run(Step) ->
    #session{bosh = Bosh} = Session = get(?MODULE),
    {Actions, Next} = Step(Bosh),
    put(?MODULE, Session#session{bosh = Next}),
    act(Actions),
    set_timer().

-spec act([ecm_bosh:action()]) -> ok.
act(Actions) ->
    lists:foreach(fun action/1, Actions).

%% No action needs the state of ejabberd_c2s. For what does, the process sends itself a message.
-spec action(ecm_bosh:action()) -> ok.
action({answer, Exchange, Status, Body}) ->
    #session{content_type = ContentType} = get(?MODULE),
    answer(Exchange, Status, Body, ContentType);
action({bounce, Envelope, Bytes, Limit}) ->
    ecm_c2s_bounce:note_and_route(Envelope, Bytes, Limit);
action({deliver, Elements}) ->
    lists:foreach(fun ecm_c2s_stream:element/1, Elements),
    schedule_flush();
action({exceeds, Limit}) ->
    ecm_c2s_admission:exceeded(Limit),
    ecm_c2s_stream:exceeded(Limit);
action(restart) ->
    self() ! {ecm, restart},
    ok;
action({over, terminated}) ->
    ecm_c2s_end:because(terminate),
    ecm_c2s_stream:ended();
action({over, Reason}) ->
    ecm_c2s_end:because(because(Reason)),
    ecm_c2s_stream:closed().

%% What was wrong with a request has been noted before.
-spec because(inactive | closed | Condition :: binary()) -> ecm_stats:reason() | unknown.
because(inactive) -> inactivity;
because(closed) -> unknown;
because(_) -> max_waiting.

-spec answer(ecm_link_writer:exchange(), ecm_bosh_answer:status(), iodata(),
             ContentType :: binary() | none) -> ok.
answer({Writer, Id, _}, Status, Body, ContentType) ->
    Head = ecm_link_answer:head(Status, ContentType),
    ecm_link_writer:answer(Writer, Id, Head, iolist_to_binary(Body)).

%% @doc Starts the XMPP stream anew.
-spec restart_stream(Server :: binary(), Lang :: binary()) -> ok.
restart_stream(Server, Lang) ->
    ecm_c2s_stream:begun_anew(Server, Lang),
    schedule_flush().

%% @doc Has what waits sent once all messages that are here now are handled.
-spec schedule_flush() -> ok.
schedule_flush() ->
    case get(?MODULE) of
        #session{flush_scheduled = true} ->
            ok;
        Session ->
            put(?MODULE, Session#session{flush_scheduled = true}),
            self() ! {ecm, flush},
            ok
    end.

-spec set_timer() -> ok.
set_timer() ->
    #session{bosh = Bosh, timer = Timer} = Session = get(?MODULE),
    put(?MODULE, Session#session{timer = ecm_c2s_timer:set(ecm_bosh:deadline(Bosh), Timer)}),
    ok.

-spec now_ms() -> integer().
now_ms() ->
    erlang:monotonic_time(millisecond).

%% Hibernation: the callbacks of ecm_c2s_hibernate. This is not declared as a behaviour, because ejabberd's
%% installer compiles each module without the others, and the compiler would warn.

%% @doc Hibernates if the session has been idle for long enough. Returns if it has not, or cannot now.
-spec maybe_hibernate(State :: map()) -> ok.
maybe_hibernate(State) ->
    maybe_hibernate(get(?MODULE), State).

-spec maybe_hibernate(#session{} | undefined, map()) -> ok.
maybe_hibernate(#session{flush_scheduled = false, hibernation = Idle, options = Options} = Session, State) ->
    #{hibernate_after := After, c2s := Opts} = Options,
    case ecm_c2s_idle:next(Idle, After) of
        {hibernate, Idle} ->
            ecm_c2s_idle:hibernate(State, Opts, ?MODULE);
        {hibernate, Next} ->
            put(?MODULE, Session#session{hibernation = Next}),
            ecm_c2s_idle:hibernate(State, Opts, ?MODULE);
        {wait, Next} ->
            put(?MODULE, Session#session{hibernation = Next}),
            ok
    end;
maybe_hibernate(_, _) -> ok.

%% @private Wakes up. The runtime calls this. A session that hibernates outlives the code that it ran: what the
%% last release has dehydrated comes here, too. If that changes, a new function gets the new form, and this one
%% converts the old one. So the version takes no memory.
-spec wake(ecm_c2s_hibernate:dehydrated()) -> no_return().
wake(Dehydrated) ->
    ecm_c2s_hibernate:wake(Dehydrated, ?MODULE).

%% @private
-spec socket_module() -> module().
socket_module() -> ecm_c2s_socket.

%% @private Takes the session out of the dictionary, in fewer words of memory.
-spec dehydrate() -> [term()].
dehydrate() ->
    case erase(?MODULE) of
        #session{timer = {Timer, Due}, hibernation = none, flush_scheduled = false,
                 error = undefined} = Session ->
            #session{bosh = Bosh, nonce = Nonce, options = Options, content_type = ContentType,
                     shaper = Shaper} = Session,
            [Timer, Due, Nonce, Options, ContentType, Shaper | ecm_bosh:dehydrate(Bosh)];
        Session -> [Session]
    end.

%% @private Puts it back.
-spec rehydrate(Dehydrated :: [term()]) -> ok.
rehydrate([Timer, Due, Nonce, Options, ContentType, Shaper | Bosh]) ->
    rehydrate([#session{bosh = ecm_bosh:rehydrate(Bosh), nonce = Nonce, options = Options,
                        content_type = ContentType, timer = {Timer, Due}, shaper = Shaper}]);
rehydrate([Session]) ->
    put(?MODULE, Session),
    ok.

%% @private Handles the messages that are here, as far as they need no state of ejabberd_c2s. What the process
%% has sent to itself stays, because it has its place among the other messages.
-spec handle_pending() -> ok.
handle_pending() ->
    receive
        {ecm, Message} when is_tuple(Message) ->
            handle(Message),
            handle_pending();
        {timeout, Key, ecm} ->
            timeout(Key),
            handle_pending()
    after 0 ->
        ok
    end.

%% Another process takes the session (ecm_c2s_transfer).

%% @doc Sends what waits if the process has told itself to, as its last message.
-spec flush_now() -> ok.
flush_now() ->
    receive {ecm, flush} -> handle(flush)
    after 0 -> ok
    end.

%% @doc Returns the session for another process. Its clients are answered. It stays here as well.
-spec freeze() -> {ok, frozen()} | busy.
freeze() ->
    freeze(get(?MODULE)).

-spec freeze(#session{}) -> {ok, frozen()} | busy.
freeze(#session{flush_scheduled = false, error = undefined, bosh = Bosh} = Session) ->
    case ecm_bosh:freeze(now_ms(), Bosh) of
        {ok, Actions, Frozen} ->
            run(fun(_) -> {Actions, ecm_bosh:thaw(now_ms(), Frozen)} end),
            #session{nonce = Nonce, options = Options, content_type = Type, shaper = Shaper} = Session,
            {ok, #{bosh => Frozen, nonce => Nonce, options => Options, content_type => Type,
                   shaper => Shaper}};
        busy -> busy
    end;
freeze(_) -> busy.

%% @doc Returns the nonce of the session.
-spec nonce() -> ecm_sid:nonce().
nonce() ->
    (get(?MODULE))#session.nonce.

%% @doc Makes it the session of the calling process, which has this nonce.
-spec thaw(frozen(), ecm_sid:nonce(), HasLoggedIn :: boolean()) -> ok.
thaw(#{bosh := Bosh, options := Options, content_type := ContentType, shaper := Shaper}, Nonce, HasLoggedIn) ->
    ok = ecm_c2s_process:taken_over(HasLoggedIn),
    put(?MODULE, #session{bosh = ecm_bosh:thaw(now_ms(), Bosh), nonce = Nonce,
                          options = ecm_intern:term(Options), content_type = ContentType, shaper = Shaper}),
    set_timer().

%% From ejabberd_c2s, through ecm_c2s_socket.

%% @doc Queues an element for the client.
-spec send(tuple()) -> ok | {error, closed}.
send(Element) ->
    send(Element, get(?MODULE)).

-spec send(tuple(), #session{} | undefined) -> ok | {error, closed}.
send(_, undefined) ->
    {error, closed};
send({xmlel, <<"stream:error">>, _, Els} = Element, Session) ->
    fail(condition(Els), encode(Element), Session);
send(Element, Session) ->
    queue(encode(Element), Session),
    schedule_flush().

%% A request may have its turn before the end. It must not be answered with the error alone.
-spec fail(Condition :: binary(), ecm_bosh_outbox:el(), #session{}) -> ok.
fail(Condition, Error, #session{bosh = Bosh} = Session) ->
    _ = Condition =:= <<"host-unknown">> andalso ecm_stats:error(unknown_host, ecm_bosh:client(Bosh)),
    put(?MODULE, Session#session{error = {Condition, Error}}),
    ok.

%% @doc Queues a stanza that came too late for the client, so that it is routed with the others.
-spec keep(tuple()) -> ok.
keep(Packet) ->
    queue(encode(xmpp:encode(Packet, ?CLIENT)), get(?MODULE)).

-spec queue(ecm_bosh_outbox:el(), #session{}) -> ok.
queue(El, #session{bosh = Bosh} = Session) ->
    {Actions, Next} = ecm_bosh:send(El, Bosh),
    put(?MODULE, Session#session{bosh = Next}),
    act(Actions).

%% All sessions get the same features of a host and the same success, and remember them.
-spec encode(tuple()) -> binary().
encode({xmlel, <<"stream:features">>, _, _} = El) -> ecm_intern:term(ecm_xml_stanza:encode(El));
encode({xmlel, <<"success">>, _, []} = El) -> ecm_intern:term(ecm_xml_stanza:encode(El));
encode(El) -> ecm_xml_stanza:encode(El).

%% A host that is not served here has a condition of its own (XEP-0124, section 17.2).
-spec condition([tuple()]) -> binary().
condition([{xmlel, <<"host-unknown">>, _, _} | _]) -> <<"host-unknown">>;
condition(_) -> <<"remote-stream-error">>.

%% @doc Ends the session, if it has begun.
-spec close() -> ok.
close() ->
    close(get(?MODULE)).

-spec close(#session{} | undefined) -> ok.
close(undefined) ->
    ok;
close(#session{error = {Condition, Error}} = Session) ->
    queue(Error, Session#session{error = Condition}),
    close(get(?MODULE));
close(#session{bosh = Bosh, error = Error, timer = Timer, content_type = ContentType} = Session) ->
    {Actions, Next} = ecm_bosh:close(Error, now_ms(), Bosh),
    put(?MODULE, Session#session{bosh = Next, timer = ecm_c2s_timer:set(infinity, Timer)}),
    _ = [answer(Exchange, Status, Body, ContentType)
         || {answer, Exchange, Status, Body} <- Actions],
    ok.

%% @doc Sets the shaper of what the client sends from now on.
-spec change_shaper(term()) -> ok.
change_shaper(Shaper) ->
    case get(?MODULE) of
        undefined -> ok;
        Session -> put(?MODULE, Session#session{shaper = Shaper}), ok
    end.

%% The end.

%% @doc Returns what the client may not have received, the oldest first.
-spec undelivered() -> [ecm_bosh_outbox:el()].
undelivered() ->
    ecm_bosh:undelivered((get(?MODULE))#session.bosh).

%% @doc Tells the clients of the end: those that wait, those that come later, and those whose requests are
%% already here.
-spec finish() -> ok.
finish() ->
    close(),
    say_farewell(get(?MODULE)),
    answer_rest().

-spec say_farewell(#session{}) -> ok.
say_farewell(#session{bosh = Bosh, nonce = Nonce, content_type = ContentType}) ->
    case ecm_bosh:last_word(Bosh) of
        {Answer, Milliseconds} ->
            {Status, Body} = ecm_bosh_answer:content(Answer),
            Head = ecm_link_answer:head(Status, ContentType),
            ecm_c2s_farewell:leave(Nonce, Head, Body, Milliseconds);
        none ->
            ok
    end.

-spec answer_rest() -> ok.
answer_rest() ->
    receive
        {ecm, {request, Nonce, _, Exchange}} ->
            ecm_c2s_farewell:answer(self(), Nonce, Exchange),
            answer_rest()
    after 0 ->
        ok
    end.
