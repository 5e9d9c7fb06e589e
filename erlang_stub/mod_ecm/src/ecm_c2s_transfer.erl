%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc A session changes its process, on this node or to another one, and neither its client nor anybody else
%% notices.
%%
%%     controller:  freeze(Old)  prepare(Term)  ...  hand_over(Old, New)
%%     old process: |-- holds what comes, in its mailbox -|--> start -->|-- passes on what comes, ends --
%%     new process:              |-- holds what comes ------------------|-- the session --
%%
%% Each process waits for its controller in the middle of a message of ejabberd's, so nothing else happens in it. The
%% old process alone decides: it tells the new one to begin, and goes on itself only if it knows that the new one has
%% not begun, and never will. So there are never two. The new one, if it is not told in time, or loses the old process
%% or the controller, gives back what it has got, and ends unnoticed. For a controller on this node, thaw/1 does all of
%% the lower half.
%%
%% Nothing else is told of the change: no contact, no hook but those that count sessions (ecm_c2s_registration).

-module(ecm_c2s_transfer).

-export([finish/1, freeze/1, give_back/1, hand_over/2, prepare/2, resume/1, resume/2, start/2, thaw/1]).
-export([handle/2]).
-export_type([error/0, parties/0]).

-include_lib("ejabberd/include/logger.hrl").

%% Milliseconds for an answer of a session, which may have much to do before.
-define(TIMEOUT, 5000).

%% Milliseconds for which an old process looks for the node of the new one, if that is lost while it begins, and between
%% two looks.
-define(FIND, 5000).
-define(LOOK, 500).

%% Milliseconds for which a new process waits to be told to begin. Its controller has most of it for the other nodes.
-define(PREPARED, 30000).

%% `busy': there is something to do, ask again. `not_ours': a session of another kind. `not_begun': the new process has
%% given back what it had. `unreachable': its node is lost. `unknown': so the session may be there, or nowhere.
-type error() :: busy | not_ours | moved | ended | not_begun | unreachable | unknown | ecm_c2s_frozen:reason() |
                 {version, term(), term()}.

%% As the hooks of ejabberd_c2s return it.
-type next() :: ecm_c2s_frozen:state() | {stop, ecm_c2s_frozen:state()}.

%% Who may tell a new process to begin: the old one; and the controller, if there is none, or if it has been killed.
-type parties() :: #{old := pid(), controller := pid()}.

%% A frozen session: its row, and what has come to it and is out of its mailbox.
-type held() :: #{controller := pid(), monitor := reference(), row := ecm_c2s_registration:row(),
                  late := ecm_c2s_forward:late()}.

%% From the controller.

%% @doc Returns a session as a term. Its process stops, and belongs to the calling process until that ends or says
%% how it goes on: resume/1, finish/1 or hand_over/2. A request that was held is answered with nothing.
-spec freeze(pid()) -> {ok, ecm_c2s_frozen:frozen()} | {error, error()}.
freeze(Session) -> ask(Session, freeze, ?TIMEOUT).

%% @doc Has a frozen session go on, with all that has come meanwhile.
-spec resume(pid()) -> ok | {error, error()}.
resume(Session) -> resume(Session, []).

%% @doc The same, with what give_back/1 has returned. It comes before what is in the mailbox of the session.
-spec resume(pid(), ecm_c2s_forward:late()) -> ok | {error, error()}.
resume(Session, GivenBack) -> ask(Session, {resume, GivenBack}, ?TIMEOUT).

%% @doc Ends a frozen session, whose term is taken up later. Nobody is told. Stanzas that have come meanwhile, and
%% that come from now on, go where those for a user without this session go.
-spec finish(pid()) -> ok | {error, error()}.
finish(Session) -> ask(Session, finish, ?TIMEOUT).

%% @doc Has a frozen session go on in its new process, once nobody sends to the old one any more. Returns when that has
%% begun; the old process passes on for a while what still comes. With `not_begun' the session is still frozen. With
%% `unknown' it ends here, as any session does. Takes as long as it takes to know.
-spec hand_over(pid(), ecm_c2s_place:place()) -> ok | {error, error()}.
hand_over(Session, To) -> ask(Session, {hand_over, To}, infinity).

%% @doc Makes a session of a term, and returns its process and nonce. It waits to be told to begin, with what has come
%% meanwhile. Stanzas may be sent to it already.
-spec prepare(ecm_c2s_frozen:frozen(), parties()) -> {ok, ecm_c2s_place:place()} | {error, error()}.
prepare(Frozen, Parties) ->
    case ecm_c2s_frozen:check(Frozen) of
        ok -> ask(new(Frozen), {prepare, Frozen, Parties}, ?TIMEOUT);
        {error, Reason} -> {error, Reason}
    end.

%% @doc Has a new process that has not begun return what it has got, for the old one. It passes on for a
%% while what still comes, and ends.
-spec give_back(pid()) -> {ok, ecm_c2s_forward:late()} | {error, error()}.
give_back(Session) -> ask(Session, give_back, ?TIMEOUT).

-spec new(ecm_c2s_frozen:frozen()) -> pid().
new(#{session := #{options := #{c2s := Opts}}, state := #{ip := Client}}) ->
    Session = ecm_c2s_socket:start(Client, Opts),
    ok = ejabberd_c2s:accept(Session),
    Session.

%% @doc Has a session begin in its new process, whose old one has ended.
-spec start(pid(), ecm_c2s_forward:late()) -> ok | {error, error()}.
start(Session, Late) -> ask(Session, {start, Late}, ?TIMEOUT).

%% @doc Makes a session of a term, on this node. ejabberd knows it from now on, under its former name in SIDs, too.
-spec thaw(ecm_c2s_frozen:frozen()) -> {ok, pid()} | {error, error()}.
thaw(#{row := Row} = Frozen) ->
    case prepare(Frozen, #{old => self(), controller => self()}) of
        {ok, {Session, Nonce}} ->
            ok = ecm_c2s_registration:insert(Row, Session),
            ok = ecm_c2s_place:put_everywhere(ecm_c2s_frozen:next(Frozen), {Session, Nonce}),
            case start(Session, []) of
                ok -> {ok, Session};
                {error, Reason} -> {error, Reason}
            end;
        {error, Reason} ->
            {error, Reason}
    end.

-spec ask(pid(), term(), timeout()) -> ok | {ok, term()} | {error, error()}.
ask(Session, Question, Timeout) ->
    Ref = monitor(process, Session),
    Session ! {?MODULE, self(), Ref, Question},
    receive
        {Ref, Answer} ->
            demonitor(Ref, [flush]),
            Answer;
        {'DOWN', Ref, process, _, noconnection} ->
            {error, unreachable};
        {'DOWN', Ref, process, _, _} ->
            {error, ended}
    after Timeout ->
        demonitor(Ref, [flush]),
        {error, busy}
    end.

%% In the process of a session.

%% @private A message of a controller, to the process of any session of ejabberd. Returns its next state.
-spec handle({pid(), reference(), Question :: term()}, ecm_c2s_frozen:state()) ->
    next().
handle({Controller, Ref, Question}, State) ->
    case {Question, ecm_c2s_process:is_session()} of
        {freeze, true} ->
            freeze(freeze_ready(State), Controller, Ref, State);
        {{prepare, Frozen, Parties}, false} ->
            prepared(Frozen, Parties, {Controller, Ref}, State);
        {{start, _}, true} ->  % it has begun, and its answer was lost
            answer({Controller, Ref}, ok),
            State;
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
    Kind = ecm_c2s_process:kind(),
    ok = Kind:flush_now(),
    case get('$internal_queue_len') =:= 0 andalso
        process_info(self(), message_queue_len) =:= {message_queue_len, 0} of
        true -> ecm_c2s_frozen:freeze(State, fun Kind:freeze/0);
        false -> {error, busy}
    end.

-spec freeze({ok, ecm_c2s_frozen:frozen()} | {error, error()}, pid(), reference(), ecm_c2s_frozen:state()) ->
    next().
freeze({error, Reason}, Controller, Ref, State) ->
    refuse(Controller, Ref, Reason, State);
freeze({ok, #{row := Row} = Frozen}, Controller, Ref, State) ->
    Controller ! {Ref, {ok, Frozen}},
    hold(#{controller => Controller, monitor => monitor(process, Controller), row => Row, late => []}, State).

-spec answer({pid(), reference()}, term()) -> any().
answer({Asker, Ref}, Answer) -> Asker ! {Ref, Answer}.

%% Everything but the controller's messages stays in the mailbox.
-spec hold(held(), ecm_c2s_frozen:state()) -> next().
hold(#{controller := Controller, monitor := Monitor} = Held, State) ->
    receive
        {?MODULE, Controller, Ref, How} ->
            true = demonitor(Monitor, [flush]),
            let_go(How, {Controller, Ref}, Held, State);
        {'DOWN', Monitor, process, _, _} ->
            resumed(Held, State)
    end.

-spec let_go(term(), {pid(), reference()}, held(), ecm_c2s_frozen:state()) -> next().
let_go({resume, GivenBack}, Asker, #{late := Late} = Held, State) ->
    answer(Asker, ok),
    resumed(Held#{late := Late ++ GivenBack}, State);
let_go({hand_over, {New, _} = To}, Asker, #{late := Late} = Held, State) ->
    All = Late ++ ecm_c2s_forward:take(),
    Outcome = begun(New, All, erlang:monotonic_time(millisecond) + ?FIND),
    answer(Asker, Outcome),
    handed_over(Outcome, To, Held#{late := All}, State);
let_go(finish, Asker, #{row := Row, late := Late}, State) ->
    ok = ecm_c2s_registration:remove(Row, self()),
    ok = ecm_c2s_end:online(-1, State),
    answer(Asker, ok),
    ecm_c2s_forward:route(Late);
let_go(_, Asker, Held, State) ->
    answer(Asker, {error, busy}),
    resumed(Held, State).

%% Tells the new process to begin, unless its node has been lost before. If it is lost now, it may have
%% begun: it is told again, in case the node comes back, and says what it has done. A node without its
%% process has nothing that lives.
-spec begun(pid(), ecm_c2s_forward:late(), Until :: integer()) -> ok | {error, not_begun | unknown}.
begun(New, Late, Until) ->
    case lists:member(node(New), [node() | nodes()]) of
        true -> tell(New, Late, Until);
        false -> {error, not_begun}
    end.

-spec tell(pid(), ecm_c2s_forward:late(), Until :: integer()) -> ok | {error, not_begun | unknown}.
tell(New, Late, Until) ->
    case ask(New, {start, Late}, infinity) of
        ok -> ok;
        {error, moved} -> ok;
        {error, unreachable} -> tell_again(New, Late, Until);
        {error, _} -> {error, not_begun}
    end.

-spec tell_again(pid(), ecm_c2s_forward:late(), Until :: integer()) -> ok | {error, not_begun | unknown}.
tell_again(New, Late, Until) ->
    case erlang:monotonic_time(millisecond) + ?LOOK < Until of
        true ->
            receive after ?LOOK -> tell(New, Late, Until) end;
        false ->
            {error, unknown}
    end.

-spec handed_over(ok | {error, not_begun | unknown}, ecm_c2s_place:place(), held(), ecm_c2s_frozen:state()) -> next().
handed_over(ok, {New, Nonce}, #{late := Late}, State) ->
    ok = ecm_c2s_end:online(-1, State),
    Own = (ecm_c2s_process:kind()):nonce(),
    _ = [ecm_c2s_forward:told(Message, New) || Message <- Late],
    ecm_c2s_forward:pass_on({New, Nonce}, Own, moved);
handed_over({error, not_begun}, _, #{controller := Controller} = Held, State) ->
    hold(Held#{monitor := monitor(process, Controller)}, State);
handed_over({error, unknown}, {New, _}, Held, State) ->
    ?WARNING_MSG("A session ends that was about to move: node ~ts was lost while its process there was to begin, and "
                 "whether it has is not known. What its client has not received is routed, and may come twice",
                 [node(New)]),
    ejabberd_c2s:send(self(), xmpp:serr_reset()),
    ejabberd_c2s:stop_async(self()),
    resumed(Held, State).

%% The row may have been given to a process that has not become the session.
-spec resumed(held(), ecm_c2s_frozen:state()) -> next().
resumed(#{row := Row, late := Late}, State) ->
    ok = ecm_c2s_registration:restore(Row, self()),
    go_on(Late, State).

%% In the new process.

-spec prepared(ecm_c2s_frozen:frozen(), parties(), {pid(), reference()}, ecm_c2s_frozen:state()) -> next().
prepared(Frozen, #{old := Old, controller := Controller} = Parties, Asker, Fresh) ->
    State = ecm_c2s_frozen:thaw(Frozen, Fresh),
    Nonce = ecm_sid:nonce(),
    Monitors = [monitor(process, Party) || Party <- lists:usort([Old, Controller])],
    Timer = erlang:send_after(?PREPARED, self(), {?MODULE, too_late}),
    answer(Asker, {ok, {self(), Nonce}}),
    Word = await_start(Parties),
    lists:foreach(fun(Monitor) -> demonitor(Monitor, [flush]) end, Monitors),
    _ = erlang:cancel_timer(Timer),
    told(Word, Frozen, Old, Nonce, State).

%% If the old process has been killed, the controller has its say.
-spec await_start(parties()) -> {start, {pid(), reference()}, ecm_c2s_forward:late()} |
                                {give_back, {pid(), reference()}} | left | cut_off.
await_start(#{old := Old, controller := Controller} = Parties) ->
    receive
        {?MODULE, Party, Ref, {start, Late}} when Party =:= Old; Party =:= Controller -> {start, {Party, Ref}, Late};
        {?MODULE, Controller, Ref, give_back} -> {give_back, {Controller, Ref}};
        {?MODULE, too_late} -> left;
        {'DOWN', _, process, _, noconnection} -> cut_off;
        {'DOWN', _, process, Controller, _} -> left;
        {'DOWN', _, process, Old, _} -> await_start(Parties)
    end.

%% The controller, if it is there, takes the row back itself. Behind a cut, the old process
%% goes on without what has come.
-spec told(term(), ecm_c2s_frozen:frozen(), Old :: pid(), ecm_sid:nonce(), ecm_c2s_frozen:state()) -> next().
told({start, Asker, Late}, #{session := #{nonce := Before} = Session, row := Row}, _, Nonce, State) ->
    ok = (ecm_c2s_process:kind(Session)):thaw(Session, Nonce, ecm_c2s_frozen:has_logged_in(State)),
    ok = ecm_c2s_end:online(1, State),
    answer(Asker, ok),
    ok = ecm_c2s_registration:announce(Row),
    go_on(ecm_c2s_forward:for_session(Late, Before, Nonce), State);
told({give_back, Asker}, #{session := #{nonce := Before}}, Old, Nonce, _) ->
    answer(Asker, {ok, ecm_c2s_forward:taken_back({Old, Before}, Nonce)}),
    ecm_c2s_forward:pass_on({Old, Before}, Nonce, not_begun);
told(left, #{session := #{nonce := Before}, row := Row}, Old, Nonce, _) ->
    ok = ecm_c2s_registration:remove(Row, self()),
    ecm_c2s_forward:pass_on({Old, Before}, Nonce, not_begun);
told(cut_off, #{row := Row}, _, _, _) ->
    ok = ecm_c2s_registration:remove(Row, self()),
    ecm_c2s_forward:route(ecm_c2s_forward:take()).

%% Handles the messages that have come meanwhile, before those in the mailbox.
-spec go_on(ecm_c2s_forward:late(), ecm_c2s_frozen:state()) -> next().
go_on(Late, State) ->
    ok = (ecm_c2s_process:kind()):schedule_flush(),
    take(Late, State).

-spec take(ecm_c2s_forward:late(), ecm_c2s_frozen:state()) -> next().
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
