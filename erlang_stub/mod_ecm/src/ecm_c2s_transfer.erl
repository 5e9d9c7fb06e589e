%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc A session changes its process, on this node or to another one, and neither its client nor anybody else
%% notices.
%%
%%     controller:  freeze(Old)  prepare(Term)  ...  drain(Old)  start(New, Late)  forward(Old, New)
%%     old process: |-- holds what comes, in its mailbox --------|                 |-- passes it on, ends --
%%     new process:              |-- holds what comes ------------|-- the session --
%%
%% Each process waits for its controller in the middle of a message of ejabberd's, so nothing else happens in it. If
%% the controller says so, or ends, the old process goes on with what it holds as if nothing had been, and the new
%% one ends unnoticed. For a controller on this node, thaw/1 does all of the lower half.
%%
%% Nothing else is told of the change: no contact, no hook but those that count sessions (ecm_c2s_registration).

-module(ecm_c2s_transfer).

-export([drain/1, finish/1, forward/3, freeze/1, prepare/2, resume/1, start/2, thaw/1]).
-export([handle/2, pass_on/4, route_rest/0]).
-export_type([error/0, late/0]).

-include_lib("ejabberd/include/logger.hrl").

%% Milliseconds for an answer of a session, which may have much to do before.
-define(TIMEOUT, 5000).

%% Milliseconds for which an old process passes on what still comes.
-define(LINGER, 5000).

%% Service Unavailable (RFC 9110, section 15.6.4): clients repeat a request after that.
-define(TRY_AGAIN, 503).

%% Milliseconds in which stanzas may still come to a process that has left the table of sessions, as ejabberd_c2s has
%% them.
-define(LATE, 100).

%% Messages that came to the old process meanwhile, the oldest first.
-type late() :: [term()].

%% `busy': there is something to do, ask again. `not_ours': a session of another kind.
-type error() :: busy | not_ours | moved | ended | ecm_c2s_frozen:reason() | {version, term(), term()}.

%% As the hooks of ejabberd_c2s return it.
-type next() :: ecm_c2s_frozen:state() | {stop, ecm_c2s_frozen:state()}.

%% A frozen session: its row, and what has come to it and is out of its mailbox.
-type held() :: #{controller := pid(), monitor := reference(), row := ecm_c2s_registration:row(), late := late()}.

%% From the controller.

%% @doc Returns a session as a term. Its process stops, and belongs to the calling process until that ends or says
%% how it goes on: resume/1, finish/1 or forward/3. A request that was held is answered with nothing.
-spec freeze(pid()) -> {ok, ecm_c2s_frozen:frozen()} | {error, error()}.
freeze(Session) -> ask(Session, freeze).

%% @doc Returns what has come to a session that is frozen, and what comes in the future is for the next call. The
%% session has it, too, should it go on.
-spec drain(pid()) -> {ok, late()} | {error, error()}.
drain(Session) -> ask(Session, drain).

%% @doc Has a frozen session go on, with all that has come meanwhile.
-spec resume(pid()) -> ok | {error, error()}.
resume(Session) -> ask(Session, resume).

%% @doc Ends a frozen session, whose term is taken up later. Nobody is told. Stanzas that have come meanwhile, and
%% that come from now on, go where those for a user without this session go.
-spec finish(pid()) -> ok | {error, error()}.
finish(Session) -> ask(Session, finish).

%% @doc Has a frozen session pass on for a while what comes, to the process that has the session now.
-spec forward(pid(), To :: pid(), ecm_sid:nonce()) -> ok | {error, error()}.
forward(Session, To, Nonce) -> ask(Session, {forward, To, Nonce}).

%% @doc Makes a session of a term, and returns its process and nonce. It waits for start/2 of its controller, with
%% what has come meanwhile, and ends with it. Stanzas may be sent to it already.
-spec prepare(ecm_c2s_frozen:frozen(), Controller :: pid()) -> {ok, ecm_c2s_place:place()} | {error, error()}.
prepare(Frozen, Controller) ->
    case ecm_c2s_frozen:check(Frozen) of
        ok -> ask(new(Frozen), {prepare, Frozen, Controller});
        {error, Reason} -> {error, Reason}
    end.

-spec new(ecm_c2s_frozen:frozen()) -> pid().
new(#{session := #{options := #{c2s := Opts}}, state := #{ip := Client}}) ->
    Session = ecm_c2s_socket:start(Client, Opts),
    ok = ejabberd_c2s:accept(Session),
    Session.

%% @doc Has the session go on in its new process.
-spec start(pid(), late()) -> ok | {error, error()}.
start(Session, Late) -> ask(Session, {start, Late}).

%% @doc Makes a session of a term, on this node. ejabberd knows it from now on, under its former name in SIDs, too.
-spec thaw(ecm_c2s_frozen:frozen()) -> {ok, pid()} | {error, error()}.
thaw(#{row := Row} = Frozen) ->
    case prepare(Frozen, self()) of
        {ok, {Session, Nonce}} ->
            ok = ecm_c2s_registration:insert(Row, Session),
            ok = ecm_c2s_place:put_everywhere(ecm_c2s_frozen:name(Frozen), Session, Nonce),
            case start(Session, []) of
                ok -> {ok, Session};
                {error, Reason} -> {error, Reason}
            end;
        {error, Reason} ->
            {error, Reason}
    end.

-spec ask(pid(), term()) -> ok | {ok, term()} | {error, error()}.
ask(Session, Question) ->
    Ref = monitor(process, Session),
    Session ! {?MODULE, self(), Ref, Question},
    receive
        {Ref, Answer} ->
            demonitor(Ref, [flush]),
            Answer;
        {'DOWN', Ref, process, _, _} ->
            {error, ended}
    after ?TIMEOUT ->
        demonitor(Ref, [flush]),
        {error, busy}
    end.

%% In the process of a session.

%% @private A message of a controller, to the process of any session of ejabberd. Returns its next state.
-spec handle({pid(), reference(), Question :: term()}, ecm_c2s_frozen:state()) ->
    next().
handle({Controller, Ref, Question}, State) ->
    case {Question, ecm_c2s_session:is_session()} of
        {freeze, true} ->
            freeze(freeze_ready(State), Controller, Ref, State);
        {{prepare, Frozen, For}, false} ->
            prepared(Frozen, For, {Controller, Ref}, State);
        {_, true} ->
            refuse(Controller, Ref, busy, State);
        {_, false} ->
            refuse(Controller, Ref, not_ours, State)
    end.

-spec refuse(pid(), reference(), error(), State) -> State.
refuse(Controller, Ref, Reason, State) ->
    Controller ! {Ref, {error, Reason}},
    State.

%% Messages that p1_server has taken from the mailbox are out of reach.
-spec freeze_ready(ecm_c2s_frozen:state()) -> {ok, ecm_c2s_frozen:frozen()} | {error, error()}.
freeze_ready(State) ->
    ok = ecm_c2s_session:flush_now(),
    case get('$internal_queue_len') =:= 0 andalso
        process_info(self(), message_queue_len) =:= {message_queue_len, 0} of
        true -> ecm_c2s_frozen:freeze(State, fun ecm_c2s_session:freeze/0);
        false -> {error, busy}
    end.

-spec freeze({ok, ecm_c2s_frozen:frozen()} | {error, error()}, pid(), reference(), ecm_c2s_frozen:state()) ->
    next().
freeze({error, Reason}, Controller, Ref, State) ->
    refuse(Controller, Ref, Reason, State);
freeze({ok, #{row := Row} = Frozen}, Controller, Ref, State) ->
    Controller ! {Ref, {ok, Frozen}},
    hold(#{controller => Controller, monitor => monitor(process, Controller), row => Row, late => []}, State).

%% Everything but the controller's messages stays in the mailbox.
-spec hold(held(), ecm_c2s_frozen:state()) -> next().
hold(#{controller := Controller, monitor := Monitor, late := Late} = Held, State) ->
    receive
        {?MODULE, Controller, Ref, drain} ->
            New = late(),
            Controller ! {Ref, {ok, New}},
            hold(Held#{late := Late ++ New}, State);
        {?MODULE, Controller, Ref, How} ->
            true = demonitor(Monitor, [flush]),
            let_go(How, {Controller, Ref}, Held, State);
        {'DOWN', Monitor, process, _, _} ->
            resumed(Held, State)
    end.

-spec let_go(term(), {pid(), reference()}, held(), ecm_c2s_frozen:state()) -> next().
let_go(resume, {Controller, Ref}, Held, State) ->
    Controller ! {Ref, ok},
    resumed(Held, State);
let_go({forward, To, Nonce}, {Controller, Ref}, #{late := Late}, _) ->
    Own = ecm_c2s_session:nonce(),
    _ = [ecm_link_writer:moved(Writer, Id, self(), To) || {ecm, {request, _, _, {Writer, Id, _}}} <- Late],
    Controller ! {Ref, ok},
    Due = erlang:start_timer(?LINGER, self(), ?MODULE),
    _ = erase(),
    proc_lib:hibernate(?MODULE, pass_on, [To, Own, Nonce, Due]);
let_go(finish, {Controller, Ref}, #{row := Row, late := Late}, _) ->
    ok = ecm_c2s_registration:remove(Row, self()),
    Controller ! {Ref, ok},
    lists:foreach(fun route_anew/1, Late),
    _ = erase(),
    proc_lib:hibernate(?MODULE, route_rest, []);
let_go(_, {Controller, Ref}, Held, State) ->
    Controller ! {Ref, {error, busy}},
    resumed(Held, State).

%% The row may have been given to a process that has not become the session.
-spec resumed(held(), ecm_c2s_frozen:state()) -> next().
resumed(#{row := Row, late := Late}, State) ->
    ok = ecm_c2s_registration:restore(Row, self()),
    go_on(Late, State).

%% Takes all messages that are here.
-spec late() -> late().
late() ->
    receive
        {?MODULE, Controller, Ref, _} when is_pid(Controller) ->
            Controller ! {Ref, {error, busy}},
            late();
        Message -> [Message | late()]
    after 0 ->
        []
    end.

%% In the new process.

-spec prepared(ecm_c2s_frozen:frozen(), Controller :: pid(), {pid(), reference()}, ecm_c2s_frozen:state()) -> next().
prepared(#{session := Session, row := Row} = Frozen, Controller, {From, Ref}, Fresh) ->
    State = ecm_c2s_frozen:thaw(Frozen, Fresh),
    Nonce = ecm_sid:nonce(),
    Monitor = monitor(process, Controller),
    From ! {Ref, {ok, {self(), Nonce}}},
    receive
        {?MODULE, Controller, Started, {start, Late}} ->
            true = demonitor(Monitor, [flush]),
            ok = ecm_c2s_session:thaw(Session, Nonce),
            ok = ecm_c2s_registration:announce(Row),
            Controller ! {Started, ok},
            Before = maps:get(nonce, Session),
            go_on([renamed(Before, Nonce, Message) || Message <- Late, is_for_session(Message)], State);
        {'DOWN', Monitor, process, _, _} ->
            ok = ecm_c2s_registration:remove(Row, self()),  % the controller may have written it
            {stop, Fresh}
    end.

%% The process had another nonce in the other process.
-spec renamed(ecm_sid:nonce(), ecm_sid:nonce(), Message) -> Message when Message :: term().
renamed(Before, Nonce, {ecm, {request, Before, Request, Exchange}}) -> {ecm, {request, Nonce, Request, Exchange}};
renamed(_, _, Message) -> Message.

%% Handles the messages that have come meanwhile, before those in the mailbox.
-spec go_on(late(), ecm_c2s_frozen:state()) -> next().
go_on(Late, State) ->
    ok = ecm_c2s_session:schedule_flush(),
    take(Late, State).

-spec take(late(), ecm_c2s_frozen:state()) -> next().
take([], State) -> State;
take([Message | Late], State) ->
    try taken(Message, State) of
        {noreply, Next, _} -> take(Late, Next);
        {stop, _, Next} -> {stop, Next}
    catch
        Class:Reason:Stack ->
            ?ERROR_MSG("A session ends that has changed its process: ~p:~p at ~0P", [Class, Reason, Stack, 20]),
            {stop, State}
    end.

%% As p1_server has it. Some messages need p1_server; and what may have the process hibernate comes last.
-spec taken(term(), ecm_c2s_frozen:state()) -> {noreply, ecm_c2s_frozen:state(), timeout()} |
                                               {stop, term(), ecm_c2s_frozen:state()}.
taken({'$gen_cast', Message}, State) -> xmpp_stream_in:handle_cast(Message, State);
taken({'$gen_call', From, Message}, State) -> xmpp_stream_in:handle_call(Message, From, State);
taken({system, _, _} = Message, State) -> later(Message, State);
taken({ecm, _} = Message, State) -> later(Message, State);
taken({timeout, _, ecm} = Message, State) -> later(Message, State);
taken(Message, State) -> xmpp_stream_in:handle_info(Message, State).

-spec later(term(), ecm_c2s_frozen:state()) -> {noreply, ecm_c2s_frozen:state(), timeout()}.
later(Message, State) ->
    self() ! Message,
    {noreply, State, infinity}.

%% In an old process, which is no session of ejabberd any more.

%% @private Passes on what comes, until a timer fires. The requests of a client have the nonce of this process. The
%% writer of their link is told who answers.
-spec pass_on(pid(), Own :: ecm_sid:nonce(), ecm_sid:nonce(), Timer :: reference()) -> ok.
pass_on(To, Own, Nonce, Timer) ->
    receive
        {timeout, Timer, _} -> ok;
        Message ->
            pass(Message, To, Own, Nonce),
            pass_on(To, Own, Nonce, Timer)
    end.

-spec pass(term(), pid(), ecm_sid:nonce(), ecm_sid:nonce()) -> any().
pass({ecm, {request, Own, Request, {Writer, Id, _} = Exchange}}, To, Own, Nonce) ->
    ecm_link_writer:moved(Writer, Id, self(), To),
    To ! {ecm, {request, Nonce, Request, Exchange}};
pass({ecm, {request, Other, _, Exchange}}, _, _, _) ->
    ecm_c2s_farewell:answer(self(), Other, Exchange);
pass({?MODULE, Controller, Ref, _}, _, _, _) ->
    Controller ! {Ref, {error, moved}};
pass(Message, To, _, _) ->
    _ = is_for_session(Message) andalso (To ! Message).

%% The others are of the process itself: of its timers, monitors and links, and those that it has sent.
-spec is_for_session(term()) -> boolean().
is_for_session({timeout, _, _}) -> false;
is_for_session({'DOWN', _, _, _, _}) -> false;
is_for_session({system, _, _}) -> false;
is_for_session({'EXIT', _, _}) -> false;
is_for_session({ecm, Message}) -> is_tuple(Message);
is_for_session(_) -> true.

%% @private Routes what still comes, and ends. The client of a request repeats it, and finds the session then.
-spec route_rest() -> ok.
route_rest() ->
    receive
        Message ->
            route_anew(Message),
            route_rest()
    after ?LATE ->
        ok
    end.

-spec route_anew(term()) -> any().
route_anew({route, Packet}) -> ejabberd_router:route(Packet);
route_anew({ecm, {request, _, _, {Writer, Id, _}}}) ->
    {_, Body} = ecm_bosh_answer:recoverable(),  % a plain link carries only that
    ecm_link_writer:answer(Writer, Id, ?TRY_AGAIN, Body);
route_anew({?MODULE, Controller, Ref, _}) -> Controller ! {Ref, {error, ended}};
route_anew(_) -> ok.
