%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Messages that ejabberd stores while their receiver comes online.
%%
%% Whoever sends a message to a user who is not online stores it (mod_offline), in a process of its own. If
%% the user comes online meanwhile, and the session fetches what is stored, the message may be stored too
%% late, and stays there until the next login; or Mnesia writes it between the session's reading and deleting,
%% and it is lost. On a busy node, where storing takes 100 milliseconds, that happens.
%%
%% So these two look at each other. A sender says that it stores (storing/1), and then looks whether the receiver
%% is online; a session says that it is online, and then looks whether somebody stores (before_fetching/1). One of
%% them sees the other, and gives way: the sender passes the message to the session; the session waits until the
%% message is stored, or refused.
%%
%% Nodes of a cluster do not see each other's senders. There, the sender looks once more after it has stored
%% the message, and has the session fetch again.
%%
%% What comes to the session after it has said that it is online, and before it has fetched, waits until what was
%% stored has had its turn (after_fetching/1).
%%
%% A session that ends says so as well (ends/1), since it sends on what its client has not received (route/1): that is
%% older than what others store for the user meanwhile, or send to the user's next session. Those who store wait for it;
%% so does the next session before it fetches, and hands it out behind what was stored, and before the rest.

-module(ecm_c2s_offline).
-behaviour(gen_server).

-export([ended/1, ends/1, fetch/1, host_up/1, new_table/0, route/1, start_link/0]).
-export([after_fetching/1, after_storing/1, before_fetching/1, storing/1]).
-export([handle_call/3, handle_cast/2, handle_info/2, init/1]).

%% The places of hooks around those of mod_offline, which have 50; and before those of everybody.
-define(BEFORE, 49).
-define(AFTER, 51).
-define(FIRST, -1000).

%% What a session that ends sends on has this in its metadata.
-define(LEFT_BEHIND, ecm_left_behind).

%% Milliseconds for which a session waits for senders, and in which a session that ends sends on one stanza more: nobody
%% waits for one that does not get on.
-define(PATIENCE, 2000).

%% Milliseconds from the beginning of the end of a session until nobody waits for it any more.
-define(LONGEST, 10000).

%% Milliseconds between two looks.
-define(LOOK, 2).

%% Milliseconds after which the row of a process is removed, and between two removals: of those that were killed.
-define(SWEEP, 10000).

%% A record of the xmpp library.
-type message() :: tuple().

-type user() :: {User :: binary(), Host :: binary()}.

%% Rows: {{Deed, Process}, Since, Began}. It stores a message for the user; or it is the session of a client, and ends.
%% Such a session has sent on a stanza at the time `Since' last.
-type deed() :: user() | {ends, user()}.

%% @doc Makes the table of those who store. It belongs to the caller, the supervisor.
-spec new_table() -> ok.
new_table() ->
    ?MODULE = ets:new(?MODULE, [named_table, public, ordered_set, {write_concurrency, true}]),
    ok.

-spec start_link() -> {ok, pid()} | {error, term()}.
start_link() ->
    gen_server:start_link({local, ?MODULE}, ?MODULE, [], []).

%% @doc Adds the hooks of a host. Idempotent.
-spec host_up(Host :: binary()) -> ok.
host_up(Host) ->
    ejabberd_hooks:add(offline_message_hook, Host, ?MODULE, storing, ?FIRST),
    ejabberd_hooks:add(offline_message_hook, Host, ?MODULE, after_storing, ?AFTER),
    ejabberd_hooks:add(c2s_self_presence, Host, ?MODULE, before_fetching, ?BEFORE),
    ejabberd_hooks:add(c2s_self_presence, Host, ?MODULE, after_fetching, ?AFTER),
    ok.

%% @private The calling process is about to store a message. All other functions of this hook have their turn within
%% this one, which gets the message once more then, marked. Any of them may stop the hook, as mod_offline does where
%% it refuses a message, and a function that came after them would not learn of it.
-spec storing(Result) -> Result | stop | {stop, Result} when Result :: {term(), message()}.
storing({bounce, Message}) ->
    case xmpp:get_meta(Message, ?MODULE, false) of
        true -> {bounce, xmpp:del_meta(Message, ?MODULE)};
        false -> store(receiver(Message), Message)
    end;
storing(Result) ->
    Result.

-spec store(user(), message()) -> stop | {stop, {term(), message()}}.
store({_, Host} = User, Message) ->
    note(User),
    try reached(User) of
        [] ->
            Marked = xmpp:put_meta(Message, ?MODULE, true),
            {stop, ejabberd_hooks:run_fold(offline_message_hook, Host, {bounce, Marked}, [])};
        Sessions ->
            {_, _, Session} = lists:max(Sessions),
            ejabberd_c2s:route(Session, {route, Message}),
            stop
    after
        forget(User)
    end.

%% If a session of the user has just been forgotten, the message waits until it has sent on what it had. By then,
%% another one may be online.
-spec reached(user()) -> [online()].
reached(User) ->
    case {online(User), others({ends, User})} of
        {[], [_ | _]} ->
            await({ends, User}, infinity),
            note(User),  % so that its row stays while it stores
            online(User);
        {Sessions, _} ->
            Sessions
    end.

%% @private The calling process has stored a message, unless another module did not want that.
-spec after_storing(Result) -> Result when Result :: {term(), message()}.
after_storing({Outcome, Message} = Result) ->
    _ = [Session ! ecm_fetch || Outcome =:= offlined, {_, _, Session} <- online(receiver(Message))],
    Result.

-spec receiver(message()) -> user().
receiver(Message) ->
    user(xmpp:get_to(Message)).

-spec user(jid:jid()) -> user().
user(Jid) ->
    {User, Host, _} = jid:tolower(Jid),
    {User, Host}.

%% The sessions of a user that get messages for the user, as ejabberd_sm has them.
-type online() :: {Priority :: non_neg_integer(), erlang:timestamp(), pid()}.

-spec online(user()) -> [online()].
online({User, Host}) ->
    [Session || {_, Info} <- ejabberd_sm:get_user_info(User, Host),
                {Priority, _, _} = Session <- [list_to_tuple([proplists:get_value(Key, Info)
                                                              || Key <- [priority, ts, pid]])],
                is_integer(Priority), Priority >= 0].

%% Without the table, which goes with its supervisor, ejabberd works as it does without this.
-spec note(deed()) -> any().
note(Deed) ->
    Now = now_ms(),
    try ets:insert(?MODULE, {{Deed, self()}, Now, Now})
    catch error:badarg -> ok
    end.

-spec forget(deed()) -> any().
forget(Deed) ->
    try ets:delete(?MODULE, {Deed, self()})
    catch error:badarg -> ok
    end.

%% @doc The calling process is the session of a client, ends, and is still known to ejabberd_sm. What it sends on until
%% ended/1 is stored before what others store for this user.
-spec ends(jid:jid()) -> ok.
ends(Jid) ->
    User = user(Jid),
    _ = note({ends, User}),
    _ = put(?MODULE, User),
    ok.

%% @doc Sends on a stanza that the client of the calling process, whose session ends, may not have received.
-spec route(Stanza :: tuple()) -> ok.
route(Stanza) ->
    ejabberd_router:route(xmpp:put_meta(Stanza, ?LEFT_BEHIND, true)),
    gets_on(get(?MODULE)).

-spec gets_on(user() | undefined) -> ok.
gets_on(User) ->
    try ets:update_element(?MODULE, {{ends, User}, self()}, {2, now_ms()}) of
        _ -> ok
    catch
        error:badarg -> ok
    end.

%% @doc The calling process has sent on what it had.
-spec ended(jid:jid()) -> ok.
ended(Jid) ->
    _ = erase(?MODULE),
    _ = forget({ends, user(Jid)}),
    ok.

%% @private The session of the calling process has said that it is online, and may be about to fetch. One that comes
%% online waits for former ones of the user first, since those who store wait for them, too.
-spec before_fetching({Presence, State}) -> {Presence, State} when Presence :: tuple(), State :: map().
before_fetching({_, #{jid := Jid} = State} = Result) ->
    User = user(Jid),
    _ = is_map_key(pres_last, State) orelse await({ends, User}, infinity),
    await(User, now_ms() + ?PATIENCE),
    Result;
before_fetching(Result) ->
    Result.

-spec await(deed(), Until :: integer() | infinity) -> ok.
await(Deed, Until) ->
    case others(Deed) =/= [] andalso now_ms() < Until of  % as any number is less than an atom
        true -> receive after ?LOOK -> await(Deed, Until) end;
        false -> ok
    end.

%% The processes that do this, unless the calling one does. So two sessions of one user that end do not wait for each
%% other.
-spec others(deed()) -> [pid()].
others(Deed) ->
    Processes = [Process || Process <- processes(Deed), is_process_alive(Process)],
    case lists:member(self(), Processes) of
        true -> [];
        false -> Processes
    end.

-spec processes(deed()) -> [pid()].
processes(Deed) ->
    try ets:select(?MODULE, [{{{Deed, '$1'}, '$2', '$3'}, counts(Deed, now_ms()), ['$1']}])
    catch error:badarg -> []
    end.

%% Whether somebody is waited for: any sender, and a session that gets on, and has not ended for too long.
-spec counts(deed(), integer()) -> [Guard :: tuple()].
counts({ends, _}, Now) -> [{'>', '$2', Now - ?PATIENCE}, {'>', '$3', Now - ?LONGEST}];
counts(_, _) -> [].

-spec now_ms() -> integer().
now_ms() ->
    erlang:monotonic_time(millisecond).

%% @private The session has fetched what was stored, into its mailbox. There may be newer messages before that:
%% the session is online already. If so, all have their turn now, by their age.
-spec after_fetching({Presence, State}) -> {Presence, State} when Presence :: tuple(), State :: map().
after_fetching({Presence, State} = Result) ->
    {messages, Waiting} = process_info(self(), messages),
    Ages = [age(Stanza) || {route, Stanza} <- Waiting, element(1, Stanza) =:= message],
    case lists:sort(Ages) of
        Ages -> Result;
        _ -> {Presence, deliver(take(), State)}
    end.

%% mod_offline marks its messages. The oldest have the lowest number.
-spec age(message()) -> 1..3.
age(Message) ->
    case {xmpp:get_meta(Message, from_offline, false), xmpp:get_meta(Message, ?LEFT_BEHIND, false)} of
        {true, _} -> 1;
        {_, true} -> 2;
        _ -> 3
    end.

%% Takes all messages for the client.
-spec take() -> [{Age :: 1..3, message()}].
take() ->
    receive
        {route, Stanza} when element(1, Stanza) =:= message -> [{age(Stanza), Stanza} | take()]
    after 0 ->
        []
    end.

-spec deliver([{Age :: 1..3, message()}], State) -> State when State :: map().
deliver(Messages, #{lserver := Host} = State) ->
    lists:foldl(fun({_, Message}, Next) ->
                        ejabberd_hooks:run_fold(c2s_handle_info, Host, Next, [{route, Message}])
                end, State, lists:keysort(1, Messages)).

%% @doc Fetches what is stored, as mod_offline does when the session of the calling process comes online.
-spec fetch(State) -> State when State :: map().
fetch(#{lserver := Host, pres_last := Presence} = State) ->
    _ = gen_mod:is_loaded(Host, mod_offline)
        andalso mod_offline:c2s_self_presence({Presence, maps:remove(pres_last, State)}),
    State;
fetch(State) ->
    State.

%% @private
-spec init([]) -> {ok, none}.
init([]) ->
    _ = erlang:send_after(?SWEEP, self(), sweep),
    {ok, none}.

%% @private
-spec handle_call(term(), gen_server:from(), none) -> {reply, {error, badarg}, none}.
handle_call(_, _, none) ->
    {reply, {error, badarg}, none}.

%% @private
-spec handle_cast(term(), none) -> {noreply, none}.
handle_cast(_, none) ->
    {noreply, none}.

%% @private
-spec handle_info(term(), none) -> {noreply, none}.
handle_info(sweep, none) ->
    _ = ets:select_delete(?MODULE, [{{'_', '$1', '_'}, [{'=<', '$1', now_ms() - ?SWEEP}], [true]}]),
    _ = erlang:send_after(?SWEEP, self(), sweep),
    {noreply, none};
handle_info(_, none) ->
    {noreply, none}.
