%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The session of a stream in the dictionary of its process: messages of the client go to ejabberd_c2s, and what
%% that sends goes to the client, as far as there is credit (ecm_link_credit). The rest waits. If too much waits, the
%% session ends.
%%
%% What a client sends is taken once the process has handled it. If a shaper says so, or if much waits for
%% the client, it is taken later; then ECM does not read on, and nothing has to wait here. A session in
%% which nothing happens hibernates.
%%
%% The process of the session calls all functions.

-module(ecm_stream_session).

-export([binding/0, change_shaper/1, close/0, new/4, reset/0, send/1, transport/0]).
-export([finish/0, handle/1, keep/1, logged_in/0, maybe_hibernate/1, opened/1, schedule_flush/0, timeout/1,
         undelivered/0]).
-export([dehydrate/0, handle_pending/0, rehydrate/1, socket_module/0, wake/1]).
-export([client/0, facts/0, max_waiting_size/0, tag/0]).
-export([flush_now/0, freeze/0, nonce/0, thaw/3]).
-export_type([frozen/0, heard/0, limits/0, options/0, packet/0, wire/0]).

%% What clients and servers write on a stream, as a module: read/3, write/1 and the others of ecm_stream_websocket.
-type wire() :: ecm_stream_websocket | ecm_stream_tcp.

%% What a client has said.
-type heard() :: {begins, [ecm_xml:attribute()]} | {element, ecm_xml:element()} | ends |
                 {fault, ecm_stream_fault:fault()}.

%% What xmpp_stream_in sends.
-type packet() :: {xmlstreamstart, Name :: binary(), [ecm_xml:attribute()]} | {xmlstreamelement, ecm_xml:element()} |
                  {xmlstreamend, Name :: binary()} | {xmlstreamraw, binary()}.

%% A stanza of the client has at most `max_body' bytes, and `max_elements' elements, and at most `max_stanzas' of them
%% wait in the mailbox. One for the client has at most `max_stanza_to_client' bytes, and at most `max_waiting' wait,
%% with `max_waiting_size' bytes.
-type limits() :: #{max_body := pos_integer() | infinity, max_elements := pos_integer() | infinity,
                    max_stanzas := pos_integer(), max_stanza_to_client := pos_integer(), max_waiting := pos_integer(),
                    max_waiting_size := pos_integer(), atom() => term()}.

%% `c2s' are options of ejabberd's process; `hibernate_after' is in milliseconds. `newcomer_limits' hold until the
%% client has logged in.
-type options() :: #{limits := limits(), newcomer_limits := limits(), c2s := [{atom(), term()}],
                     hibernate_after := non_neg_integer() | infinity}.

%% What many sessions have in common, once in memory. The writer carries messages of at most `longest' bytes.
-type terms() :: #{wire := wire(), secure := boolean(), longest := pos_integer(),
                   windows := ecm_link_credit:windows(), options := options()}.

%% The name tells the kind of the session (ecm_c2s_process). Messages of `held' bytes are handled, and are taken at the
%% time `due' at the latest. With `flush_scheduled', a message is under way after which they are taken; since the one
%% before, `heard' things have come. `has_header' says that this side has begun its stream and not said its end,
%% `is_over' that nothing is sent to ECM any more; while it is `half_closed', what the client says still counts, and
%% what is for it waits. `binding' is what the login may be bound to: `tls-exporter' of the client's TLS connection (RFC
%% 9266). `nonce' is not 0 where the session has come from another process.
-record(?MODULE, {writer :: pid(),
                  id :: ecm_link_packet:id(),
                  terms :: terms(),
                  credit :: ecm_link_credit:credit(),
                  state :: term(),  % of the wire
                  has_header = false :: boolean(),
                  outbox = ecm_stream_outbox:new() :: ecm_stream_outbox:outbox(),
                  limits = newcomer_limits :: newcomer_limits | limits,
                  binding = none :: none | binary(),
                  shaper = none :: term(),
                  held = 0 :: non_neg_integer(),
                  heard = 0 :: non_neg_integer(),
                  due = none :: none | integer(),
                  timer = none :: ecm_c2s_timer:timer(),
                  idle = none :: ecm_c2s_idle:idle(),
                  flush_scheduled = false :: boolean(),
                  is_over = false :: boolean() | half_closed,
                  nonce = 0 :: non_neg_integer()}).

-type session() :: #?MODULE{}.

%% A session whose stream is over, without the process and the link.
-type frozen() :: #{kind := ?MODULE, nonce := non_neg_integer(), options := options(), terms := map(),
                    state := term(), undelivered := [binary()]}.

%% What the process sends to itself.
-type own() :: flush | hibernate | leave_now | half_close_now.

%% The key of any session in the dictionary of its process.
-define(KEY, ecm_c2s_session).

-define(CLIENT, <<"jabber:client">>).

%% The status with which ECM closes the WebSocket of a client that does not read (RFC 6455, section 7.4.1).
-define(POLICY_VIOLATION, 1008).

%% ECM does not read on while more than such a part waits of what may wait for the client at most: a window of short
%% stanzas may have 4,000 answers.
-define(MUCH, 16).

%% @doc Gives the calling process the session of a stream.
-spec new(ecm_link_stream:stream(), wire(), ecm_link_stream:open(), options()) -> ok.
new({Writer, Id, Longest}, Wire, #{secure := Secure, windows := Windows} = Open, Options) ->
    Terms = ecm_intern:term(#{wire => Wire, secure => Secure, longest => Longest, windows => Windows,
                              options => Options}),
    ecm_stats:created(name(Wire)),
    keep_session(#?MODULE{writer = Writer, id = Id, terms = Terms, credit = ecm_link_credit:new(Windows),
                          binding = binding(Open), state = Wire:new()}).

%% Nothing is bound to a connection without TLS.
-spec binding(ecm_link_stream:open()) -> none | binary().
binding(#{secure := true, fields := #{<<"cb">> := Binding}}) -> Binding;
binding(_) -> none.

-spec keep_session(session()) -> ok.
keep_session(Session) ->
    _ = put(?KEY, Session),
    ok.

-spec stream(session()) -> ecm_link_stream:stream().
stream(#?MODULE{writer = Writer, id = Id, terms = #{longest := Longest}}) ->
    {Writer, Id, Longest}.

-spec limits(session()) -> limits().
limits(#?MODULE{limits = Name, terms = #{options := Options}}) ->
    map_get(Name, Options).

%% From the link, through ecm_c2s.

%% @doc Handles an event of the link, or a message that the process has sent to itself.
-spec handle(ecm_link_stream:event() | own()) -> ok.
handle(Event) ->
    handle(Event, get(?KEY)).

-spec handle(ecm_link_stream:event() | own(), session()) -> ok.
handle(flush, Session) ->
    take(Session#?MODULE{flush_scheduled = false, heard = 0});
handle(hibernate, Session) ->
    keep_session(Session#?MODULE{idle = due});
handle({unsent, Messages}, Session) ->
    given_back(Messages, Session);
handle(_, #?MODULE{is_over = true}) ->
    ok;
handle({message, Message}, Session) ->
    message(Message, shape(ecm_link_credit:cost(Message), Session));
handle({more, Bytes}, #?MODULE{credit = Credit} = Session) ->
    more(ecm_link_credit:returned(Bytes, Credit), Session);
handle({closed, _}, Session) ->
    ended(Session);
handle(leave, _) ->
    self() ! {ecm, leave_now},  % behind what has come before, which counts
    ok;
handle(leave_now, Session) ->
    leave(Session);
handle(half_close, _) ->
    self() ! {ecm, half_close_now},  % behind what has come for the client, which is on its way
    ok;
handle(half_close_now, #?MODULE{is_over = half_closed}) ->
    ok;
handle(half_close_now, Session) ->
    ecm_link_stream:left(stream(Session)),
    keep_session(Session#?MODULE{is_over = half_closed}),
    schedule_flush().  % what waits does not keep the client from being heard any more

%% The client gets no error: with one, stream management (XEP-0198) would not let it come back to this session, from
%% another node.
-spec leave(session()) -> ok.
leave(Session) ->
    ecm_link_stream:send_away(stream(Session)),
    ended(Session).

-spec message(binary(), session()) -> ok.
message(Message, #?MODULE{terms = #{wire := Wire}, state = State} = Session) ->
    case ecm_c2s_stream:has_failed() of
        true ->
            keep_session(Session);
        false ->
            {Heard, Next} = Wire:read(Message, limits(Session), State),
            hear_all(Heard, Wire:has_begun(Next), Session#?MODULE{state = Next})
    end,
    schedule_flush().

%% ejabberd ends a process with too many messages without a word to anybody.
-spec hear_all([heard()], HasBegun :: boolean(), session()) -> ok.
hear_all(Heard, HasBegun, #?MODULE{heard = Before} = Session) ->
    Room = map_get(max_stanzas, limits(Session)) - Before,
    keep_session(Session#?MODULE{heard = Before + length(Heard)}),
    lists:foreach(fun(Said) -> hear(Said, HasBegun) end, lists:sublist(Heard, Room)),
    _ = length(Heard) > Room andalso hear({fault, {exceeds, stanzas}}, HasBegun),
    ok.

-spec hear(heard(), HasBegun :: boolean()) -> ok.
hear({begins, Attributes}, _) -> ecm_c2s_stream:begun(Attributes);
hear({element, Element}, _) -> ecm_c2s_stream:element(Element);
hear(ends, _) -> ecm_c2s_stream:ended();
hear({fault, Fault}, HasBegun) ->
    _ = [ecm_c2s_admission:exceeded(Limit) || {exceeds, Limit} <- [Fault]],
    case HasBegun of
        true -> ecm_c2s_stream:fail(ecm_stream_fault:error(Fault));
        false -> ecm_c2s_stream:fail_before_header(ecm_stream_fault:before_header(Fault))
    end.

%% Nothing can be sent any more. ejabberd decides whether the client may come back to what waits (XEP-0198).
-spec ended(session()) -> ok.
ended(Session) ->
    keep_session(Session#?MODULE{is_over = true}),
    ecm_c2s_stream:closed(),
    schedule_flush().  % with which a session that stays shrinks

%% Credit.

%% A shaper may limit what a client sends.
-spec shape(Bytes :: pos_integer(), session()) -> session().
shape(Bytes, #?MODULE{shaper = none, held = Held} = Session) ->
    Session#?MODULE{held = Held + Bytes};
shape(Bytes, #?MODULE{shaper = Shaper, held = Held} = Session) ->
    {Next, Pause} = ejabberd_shaper:update(Shaper, Bytes),
    Session#?MODULE{shaper = Next, held = Held + Bytes, due = now_ms() + Pause}.

%% Takes what is handled, now, when it is due, or when less waits for the client.
-spec take(session()) -> ok.
take(#?MODULE{held = 0} = Session) ->
    keep_session(Session);
take(Session) ->
    case has_much(Session) of
        true -> keep_session(Session);
        false -> take_in_time(Session)
    end.

%% Answers may be far longer than what asks for them: a client that reads is not to be put out for what it asks.
-spec has_much(session()) -> boolean().
has_much(#?MODULE{is_over = false, outbox = Outbox} = Session) ->
    #{max_waiting := Count, max_waiting_size := Bytes} = limits(Session),
    ecm_stream_outbox:exceeds(Count div ?MUCH, Bytes div ?MUCH, Outbox);
has_much(_) ->
    false.

-spec take_in_time(session()) -> ok.
take_in_time(#?MODULE{due = none} = Session) ->
    give_back(Session);
take_in_time(#?MODULE{due = Due, timer = Timer} = Session) ->
    case now_ms() >= Due of
        true -> give_back(Session#?MODULE{timer = ecm_c2s_timer:set(infinity, Timer)});
        false -> keep_session(Session#?MODULE{timer = ecm_c2s_timer:set(Due, Timer)})
    end.

-spec give_back(session()) -> ok.
give_back(#?MODULE{held = Held, credit = Credit, is_over = IsOver} = Session) ->
    {Bytes, Next} = ecm_link_credit:taken(Held, Credit),
    _ = Bytes > 0 andalso IsOver =/= true andalso ecm_link_stream:more(Bytes, stream(Session)),
    keep_session(Session#?MODULE{held = 0, due = none, credit = Next}).

%% @doc Handles the message of a timer.
-spec timeout(ecm_c2s_timer:key()) -> ok.
timeout(Key) ->
    #?MODULE{timer = Timer} = Session = get(?KEY),
    case ecm_c2s_timer:is_over(Key, Timer) of
        true -> take(Session#?MODULE{timer = none});
        false -> ok
    end.

-spec now_ms() -> integer().
now_ms() ->
    erlang:monotonic_time(millisecond).

-spec more({ok, ecm_link_credit:credit()} | error, session()) -> ok.
more({ok, Credit}, #?MODULE{flush_scheduled = IsScheduled} = Session) ->
    Drained = drain(Session#?MODULE{credit = Credit}),
    case IsScheduled of
        true -> keep_session(Drained);
        false -> take(Drained)
    end;
more(error, Session) ->
    ecm_link_stream:wrong(stream(Session)),
    ended(Session).

%% Sends what waits, as far as there is credit.
-spec drain(session()) -> session().
drain(#?MODULE{outbox = Outbox} = Session) ->
    case may_send(Session) andalso ecm_stream_outbox:take(Outbox) of
        {Message, Rest} -> drain(pass(Message, Session#?MODULE{outbox = Rest}));
        _ -> Session
    end.

-spec may_send(session()) -> boolean().
may_send(#?MODULE{is_over = IsOver, credit = Credit}) ->
    IsOver =:= false andalso ecm_link_credit:may_send(Credit).

-spec pass(binary(), session()) -> session().
pass(Message, #?MODULE{credit = Credit} = Session) ->
    ok = ecm_link_stream:message(Message, stream(Session)),
    Session#?MODULE{credit = ecm_link_credit:sent(Message, Credit)}.

%% From ejabberd_c2s, through ecm_stream_socket.

%% @doc Sends something to the client, or has it wait.
-spec send(packet()) -> ok.
send({xmlstreamend, _}) ->
    close();
send({xmlstreamstart, _, _} = Header) ->
    keep_session((get(?KEY))#?MODULE{has_header = true}),
    write(Header);
send(Packet) ->
    ecm_c2s_stream:answered(Packet),
    write(Packet).

-spec write(packet()) -> ok.
write(Packet) ->
    #?MODULE{terms = #{wire := Wire}} = Session = get(?KEY),
    case Wire:write(Packet) of
        none -> ok;
        {last, Message} -> deliver(Message, Session#?MODULE{has_header = false});
        Message -> deliver(fitting(Message, Session), Session)
    end.

%% What is too long comes back to its sender, and the client gets the envelope.
-spec fitting(binary(), session()) -> binary().
fitting(Message, #?MODULE{terms = #{longest := Longest}} = Session) ->
    case min(Longest, map_get(max_stanza_to_client, limits(Session))) of
        Limit when byte_size(Message) > Limit -> ecm_c2s_bounce:envelope(Message, Limit);
        _ -> Message
    end.

-spec deliver(binary(), session()) -> ok.
deliver(Message, #?MODULE{is_over = true, outbox = Outbox} = Session) ->
    keep_session(Session#?MODULE{outbox = ecm_stream_outbox:add(Message, Outbox)});
deliver(Message, #?MODULE{outbox = Outbox} = Session) ->
    case ecm_stream_outbox:is_empty(Outbox) andalso may_send(Session) of
        true -> keep_session(pass(Message, Session));
        false -> limit(Session#?MODULE{outbox = ecm_stream_outbox:add(Message, Outbox)})
    end.

%% Ends a session whose client does not read. An error would wait behind all the rest.
-spec limit(session()) -> ok.
limit(#?MODULE{outbox = Outbox} = Session) ->
    #{max_waiting := Count, max_waiting_size := Bytes} = limits(Session),
    case ecm_stream_outbox:exceeds(Count, Bytes, Outbox) of
        true ->
            ecm_c2s_end:because(max_waiting),
            ecm_link_stream:close(failed, ?POLICY_VIOLATION, stream(Session)),
            ended(Session);
        false ->
            keep_session(Session)
    end.

%% @doc Ends the stream, behind what was sent. ejabberd's own end of it comes when the process has routed the rest.
-spec close() -> ok.
close() ->
    close(get(?KEY)).

-spec close(session()) -> ok.
close(#?MODULE{is_over = true}) ->
    ok;
close(Session) ->
    Ended = say_end(Session),
    ecm_link_stream:close('end', none, stream(Ended)),
    keep_session(Ended#?MODULE{is_over = true}).

%% Where something waits, the end of the stream has no credit either.
-spec say_end(session()) -> session().
say_end(#?MODULE{has_header = true, outbox = Outbox, terms = #{wire := Wire}} = Session) ->
    case ecm_stream_outbox:is_empty(Outbox) andalso may_send(Session) of
        true -> pass(Wire:write({xmlstreamend, <<"stream:stream">>}), Session);
        false -> Session
    end;
say_end(Session) ->
    Session.

%% @doc Has the client begin its stream anew.
-spec reset() -> ok.
reset() ->
    ecm_c2s_stream:restarts(),
    #?MODULE{terms = #{wire := Wire}, state = State} = Session = get(?KEY),
    keep_session(Session#?MODULE{state = Wire:reset(State)}).

%% @doc Sets the shaper of what the client sends from now on.
-spec change_shaper(term()) -> ok.
change_shaper(Shaper) ->
    keep_session((get(?KEY))#?MODULE{shaper = Shaper}).

%% @doc Returns what the login of the client may be bound to. Nothing asks after it.
-spec binding() -> none | binary().
binding() ->
    (get(?KEY))#?MODULE.binding.

-spec name(wire()) -> websocket | tcp.
name(ecm_stream_websocket) -> websocket;
name(ecm_stream_tcp) -> tcp.

%% @doc Returns the transport, for statistics: nothing on a stream tells libraries apart.
-spec client() -> ecm_stats:client().
client() ->
    #?MODULE{terms = #{wire := Wire}} = get(?KEY),
    name(Wire).

%% @doc Returns what operators may want to know of the session. `id' is the connection on its link.
-spec facts() -> #{atom() => term()}.
facts() ->
    #?MODULE{id = Id, outbox = Outbox, is_over = IsOver, terms = #{wire := Wire}} = get(?KEY),
    Left = ecm_stream_outbox:all(Outbox),
    #{tag => Id, client => name(Wire), transport => transport(), id => Id,
      is_over => IsOver =:= true, waiting => length(Left), waiting_bytes => iolist_size(Left)}.

%% @doc Returns the bytes of stanzas that may wait for the client.
-spec max_waiting_size() -> pos_integer().
max_waiting_size() ->
    map_get(max_waiting_size, limits(get(?KEY))).

%% @doc Returns the number by which the log names the session, once its stream has begun.
-spec tag() -> ecm_link_packet:id() | none.
tag() ->
    case get(?KEY) of
        #?MODULE{has_header = true, id = Id} -> Id;
        _ -> none
    end.

%% @doc Returns how the client is connected.
-spec transport() -> websocket | tcp | tls.
transport() ->
    #?MODULE{terms = #{wire := Wire, secure := Secure}} = get(?KEY),
    Wire:transport(Secure).

%% From ejabberd's hooks, through ecm_c2s: the callbacks of ecm_c2s_process.

%% @doc Notes that the client has logged in.
-spec logged_in() -> ok.
logged_in() ->
    ok = ecm_c2s_process:logged_in(),
    keep_session((get(?KEY))#?MODULE{limits = limits, binding = none}).

%% @doc Returns the state of ejabberd_c2s now that the client has a resource: modules of ejabberd may ask whether the
%% stream is encrypted. Before, the answer would have ejabberd offer SASL mechanisms for which it must know the TLS
%% connection, unless it does (ecm_stream_newcomer).
-spec opened(State) -> State when State :: map().
opened(State) ->
    #?MODULE{terms = #{secure := Secure}} = get(?KEY),
    State#{stream_encrypted := Secure}.

%% @doc Has what was handled taken once all messages that are here now are handled.
-spec schedule_flush() -> ok.
schedule_flush() ->
    case get(?KEY) of
        #?MODULE{flush_scheduled = true} ->
            ok;
        Session ->
            self() ! {ecm, flush},
            keep_session(Session#?MODULE{flush_scheduled = true})
    end.

%% @doc Has a stanza that came too late for the client wait with the others.
-spec keep(tuple()) -> ok.
keep(Packet) ->
    send({xmlstreamelement, xmpp:encode(Packet, ?CLIENT)}).

%% @doc Returns what was not sent, the oldest first.
-spec undelivered() -> [binary()].
undelivered() ->
    #?MODULE{outbox = Outbox} = Session = get(?KEY),
    [Message || Message <- unsent(Session), is_for_client(Message)] ++ ecm_stream_outbox:all(Outbox).

%% What is on a link without a connection, or comes back from one that is over.
-spec unsent(session()) -> [binary()].
unsent(#?MODULE{writer = Writer}) when Writer =:= self() ->
    [];
unsent(#?MODULE{writer = Writer, id = Id}) ->
    case ecm_link_writer:unsent(Writer, Id) of
        over -> receive {ecm_stream, {unsent, Messages}} -> Messages after 0 -> [] end;
        Messages -> Messages
    end.

%% The link of the stream is over, and its end comes next.
-spec given_back([binary()], session()) -> ok.
given_back(Messages, #?MODULE{outbox = Outbox} = Session) ->
    All = [Message || Message <- Messages, is_for_client(Message)] ++ ecm_stream_outbox:all(Outbox),
    keep_session(Session#?MODULE{outbox = lists:foldl(fun ecm_stream_outbox:add/2, ecm_stream_outbox:new(), All)}).

%% Not what begins and ends streams. What begins stream management says what that has (ecm_c2s_undelivered).
-spec is_for_client(binary()) -> boolean().
is_for_client(<<"<message", _/binary>>) -> true;
is_for_client(<<"<presence", _/binary>>) -> true;
is_for_client(<<"<iq", _/binary>>) -> true;
is_for_client(<<"<enabled ", _/binary>>) -> true;
is_for_client(<<"<resumed ", _/binary>>) -> true;
is_for_client(_) -> false.

%% @doc Ends what is left of the stream.
-spec finish() -> ok.
finish() ->
    close().

%% Hibernation: the callbacks of ecm_c2s_hibernate.

%% @doc Hibernates if the session has been idle for long enough. Returns if it has not, or cannot now.
-spec maybe_hibernate(State :: map()) -> ok.
maybe_hibernate(State) ->
    maybe_hibernate(get(?KEY), State).

-spec maybe_hibernate(session(), map()) -> ok.
maybe_hibernate(#?MODULE{flush_scheduled = true}, _) ->
    ok;
maybe_hibernate(#?MODULE{idle = Idle, terms = #{options := Options}} = Session, State) ->
    #{hibernate_after := After, c2s := Opts} = Options,
    {What, Next} = ecm_c2s_idle:next(Idle, After),
    keep_session(lightened(Session#?MODULE{idle = Next}, State)),
    What =:= hibernate andalso ecm_c2s_idle:hibernate(State, Opts, ?MODULE),
    ok.

%% A session without its stream waits for its client with what stream management has of it, once.
-spec lightened(session(), map()) -> session().
lightened(#?MODULE{is_over = true, outbox = Outbox} = Session, State) ->
    Kept = ecm_c2s_undelivered:kept(ecm_stream_outbox:all(Outbox), State),
    Session#?MODULE{outbox = ecm_stream_outbox:of_all(Kept)};
lightened(Session, _) ->
    Session.

%% @private Wakes up. The runtime calls this. What ecm_c2s_session:wake/1 says of releases holds here, too.
-spec wake(ecm_c2s_hibernate:dehydrated()) -> no_return().
wake(Dehydrated) ->
    ecm_c2s_hibernate:wake(Dehydrated, ?MODULE).

%% @private
-spec socket_module() -> module().
socket_module() -> ecm_stream_socket.

%% @private Takes the session out of the dictionary, in fewer words of memory.
-spec dehydrate() -> [term()].
dehydrate() ->
    case erase(?KEY) of
        #?MODULE{writer = Writer, id = Id, terms = Terms, credit = Credit, state = State, shaper = Shaper} = Session ->
            case Session =:= rested(Writer, Id, Terms, Credit, State, Shaper) of
                true -> [Writer, Id, Terms, ecm_link_credit:dehydrate(Credit), State, Shaper];
                false -> [Session]
            end
    end.

%% The session of a client that has logged in, with nothing to do.
-spec rested(pid(), ecm_link_packet:id(), terms(), ecm_link_credit:credit(), term(), term()) -> session().
rested(Writer, Id, Terms, Credit, State, Shaper) ->
    #?MODULE{writer = Writer, id = Id, terms = Terms, credit = Credit, state = State, shaper = Shaper,
             has_header = true, limits = limits}.

%% @private Puts it back.
-spec rehydrate(Dehydrated :: [term()]) -> ok.
rehydrate([Writer, Id, #{windows := Windows} = Terms, Credit, State, Shaper]) ->
    keep_session(rested(Writer, Id, Terms, ecm_link_credit:rehydrate(Credit, Windows), State, Shaper));
rehydrate([Session]) ->
    keep_session(Session).

%% @private Handles the messages that are here, as far as they need no state of ejabberd_c2s. What the process has
%% sent to itself stays, because it has its place among the other messages.
-spec handle_pending() -> ok.
handle_pending() ->
    receive
        {ecm_stream, Event} -> handle(Event), handle_pending();
        {timeout, Key, ecm} -> timeout(Key), handle_pending()
    after 0 ->
        ok
    end.

%% Another process takes the session (ecm_c2s_transfer), which waits for its client without a stream (XEP-0198).

%% @doc Handles what has waited, if the process has told itself to as its last message.
-spec flush_now() -> ok.
flush_now() ->
    receive {ecm, flush} -> handle(flush)
    after 0 -> ok
    end.

%% @doc Returns the session for another process, unless its stream is still there. It stays here as well.
-spec freeze() -> {ok, frozen()} | busy.
freeze() ->
    freeze(get(?KEY)).

-spec freeze(session()) -> {ok, frozen()} | busy.
freeze(#?MODULE{is_over = true, flush_scheduled = false} = Session) ->
    #?MODULE{nonce = Nonce, terms = #{options := Options} = Terms, state = State, outbox = Outbox} = Session,
    {ok, #{kind => ?MODULE, nonce => Nonce, options => Options, terms => maps:remove(options, Terms), state => State,
           undelivered => ecm_stream_outbox:all(Outbox)}};
freeze(_) ->
    busy.

%% @doc Returns the nonce of the session.
-spec nonce() -> non_neg_integer().
nonce() ->
    (get(?KEY))#?MODULE.nonce.

%% @doc Makes it the session of the calling process, which has this nonce.
-spec thaw(frozen(), Nonce :: non_neg_integer(), HasLoggedIn :: boolean()) -> ok.
thaw(#{options := Options, terms := #{windows := Windows} = Terms, state := State, undelivered := Undelivered}, Nonce,
     HasLoggedIn) ->
    ok = ecm_c2s_process:taken_over(HasLoggedIn),
    Outbox = ecm_stream_outbox:of_all(Undelivered),
    keep_session(#?MODULE{writer = self(), id = 1, terms = ecm_intern:term(Terms#{options => Options}),
                          credit = ecm_link_credit:new(Windows), state = State, has_header = true, outbox = Outbox,
                          limits = limits, is_over = true, nonce = Nonce}).
