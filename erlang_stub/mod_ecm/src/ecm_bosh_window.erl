%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The requests of a BOSH session, by their RIDs (XEP-0124, section 14). Pure.
%%
%%     early --> open --> answered
%%
%% A request is `early' while an earlier one is missing. In the order of the RIDs it becomes open, and in
%% the same order it is answered. The last answers are kept.
%%
%% The holder of an early or open request is the exchange that waits for its answer. If the client is gone
%% there is none. The request stays what it is, and gets a holder if the client repeats it. Its time stays,
%% too: a client counts the time from when it has first made the request.

-module(ecm_bosh_window).

-export([add/3, answer/3, dehydrate/1, due/2, find/2, forgotten/1, gone/2, held/1, held_before/2,
         hold/3, last/1, new/3, next/2, next_due/1, oldest/1, open/1, postpone/2, rehydrate/1, whole/1]).
-export_type([exchange/0, holder/0, request/0, requests/0, rid/0]).

-type rid() :: non_neg_integer().

%% Names an HTTP request that must be answered, and the length of a body that can answer it. Its parts do
%% not matter here.
-type exchange() :: {term(), term(), Limit :: pos_integer()}.

%% The body of a request, of so many bytes. Its content may not have been read yet, or exceed a limit. Its
%% turn does not come before `due', in milliseconds, if it has that.
-type request() :: #{rid := rid(),
                     els := {unread, ecm_bosh_body:content()} | {exceeds, Limit :: atom()} | [tuple()],
                     bytes => non_neg_integer(), due => integer(), atom() => term()}.

%% The exchange that waits for the answer, and until when, in milliseconds. Or only the time, if the client
%% is gone; or nothing, if the client was told to make the request anew.
-type holder() :: {exchange(), Until :: integer()} | Until :: integer() | gone.

%% Nothing is known of requests before `first'. The last in `open' has the RID `last'. `answers' has the
%% newest first, and only those that were not empty: the usual ones take no memory.
-record(requests, {
    first :: rid(),
    last :: rid(),
    early = [] :: [{rid(), holder(), request()}],
    open :: [holder()],
    answers = [] :: [{rid(), ecm_bosh_answer:kept()}],
    remembered :: pos_integer()
}).

-opaque requests() :: #requests{}.

%% @doc Returns the window of a session after its first request, which is open. `Remembered' is the number
%% of answers to keep.
-spec new(rid(), holder(), Remembered :: pos_integer()) -> requests().
new(Rid, Holder, Remembered) ->
    #requests{first = Rid, last = Rid, open = [Holder], remembered = Remembered}.

%% @doc Returns the RID of the last request in order.
-spec last(requests()) -> rid().
last(#requests{last = Last}) -> Last.

%% @doc Returns the number of open requests.
-spec open(requests()) -> non_neg_integer().
open(#requests{open = Open}) -> length(Open).

%% @doc Returns the oldest open request: its RID and its holder.
-spec oldest(requests()) -> {rid(), holder()} | none.
oldest(#requests{open = []}) -> none;
oldest(#requests{last = Last, open = [Holder | _] = Open}) -> {Last + 1 - length(Open), Holder}.

%% @doc Returns the holders of the open requests, in order, and those of the early ones.
-spec held(requests()) -> {Open :: [holder()], Early :: [holder()]}.
held(#requests{open = Open, early = Early}) ->
    {[Holder || {_, _} = Holder <- Open], [Holder || {_, {_, _} = Holder, _} <- Early]}.

%% @doc Returns the number of requests with a holder that were made before the new one with this RID.
-spec held_before(rid(), requests()) -> non_neg_integer().
held_before(Rid, #requests{open = Open, early = Early}) ->
    length([held || {_, _} <- Open]) + length([held || {Made, {_, _}, _} <- Early, Made < Rid]).

%% @doc Returns what has become of the request that this is or repeats. One that was answered too long ago
%% is forgotten. Only a request with the same key repeats an early one (section 15.4).
-spec find(request(), requests()) ->
    new | early | open | {answered, ecm_bosh_answer:answer()} | forgotten.
find(#{rid := Rid} = Body, #requests{last = Last, early = Early}) when Rid > Last ->
    case lists:keyfind(Rid, 1, Early) of
        false -> new;
        {_, _, First} -> same_key(maps:find(key, Body), maps:find(key, First))
    end;
find(#{rid := Rid}, #requests{last = Last, open = Open, answers = Answers} = Requests) ->
    case Rid > forgotten(Requests) of
        true when Rid > Last - length(Open) -> open;
        true -> {answered, ecm_bosh_answer:whole(proplists:get_value(Rid, Answers, empty))};
        false -> forgotten
    end.

-spec same_key({ok, binary()} | error, {ok, binary()} | error) -> early | forgotten.
same_key(Key, Key) -> early;
same_key(_, _) -> forgotten.

%% @doc Returns the RID of the last forgotten request, or of the one before the first.
-spec forgotten(requests()) -> integer().
forgotten(#requests{first = First, last = Last, open = Open, remembered = Remembered}) ->
    max(First - 1, Last - length(Open) - Remembered).

%% @doc Adds a new request as early: it comes next, or waits for those before it, and for its time.
-spec add(request(), holder(), requests()) -> requests().
add(#{rid := Rid} = Body, Holder, #requests{early = Early} = Requests) ->
    Requests#requests{early = [{Rid, Holder, Body} | Early]}.

%% @doc Opens the early request that comes next, if it is there and due.
-spec next(Now :: integer(), requests()) -> {request(), holder(), requests()} | none.
next(Now, #requests{last = Last, early = Early, open = Open} = Requests) ->
    case lists:keytake(Last + 1, 1, Early) of
        {value, {_, _, #{due := Due}}, _} when Due > Now ->
            none;
        {value, {Rid, Holder, Body}, Rest} ->
            {Body, Holder, Requests#requests{last = Rid, early = Rest, open = Open ++ [Holder]}};
        false ->
            none
    end.

%% @doc Returns when the early request that comes next is due, if it is there and has such a time.
-spec next_due(requests()) -> integer() | infinity.
next_due(#requests{last = Last, early = Early}) ->
    case lists:keyfind(Last + 1, 1, Early) of
        {_, _, #{due := Due}} -> Due;
        _ -> infinity
    end.

%% @doc Replaces the holder of an early or open request, and returns the old one. A new one waits until the
%% same time.
-spec hold(rid(), holder(), requests()) -> {Old :: holder(), requests()}.
hold(Rid, Holder, #requests{last = Last, early = Early} = Requests) when Rid > Last ->
    {_, Old, Body} = lists:keyfind(Rid, 1, Early),
    New = {Rid, as_long(Old, Holder), Body},
    {Old, Requests#requests{early = lists:keyreplace(Rid, 1, Early, New)}};
hold(Rid, Holder, #requests{last = Last, open = Open} = Requests) ->
    {Before, [Old | After]} = lists:split(length(Open) - (Last - Rid) - 1, Open),
    {Old, Requests#requests{open = Before ++ [as_long(Old, Holder) | After]}}.

-spec as_long(Old :: holder(), holder()) -> holder().
as_long({_, Until}, {Exchange, _}) -> {Exchange, Until};
as_long(Until, {Exchange, _}) when is_integer(Until) -> {Exchange, Until};
as_long(_, Holder) -> Holder.

%% @doc Removes the holder with this exchange, if there is one.
-spec gone(exchange(), requests()) -> {ok, requests()} | none.
gone(Exchange, #requests{early = Early, open = Open} = Requests) ->
    Without = fun({Held, Until}) when Held =:= Exchange -> Until; (Holder) -> Holder end,
    case Requests#requests{
            early = [{Rid, Without(Holder), Body} || {Rid, Holder, Body} <- Early],
            open = lists:map(Without, Open)} of
        Requests -> none;
        Left -> {ok, Left}
    end.

%% @doc Removes the holders of early requests whose time is over. At `infinity' these are all.
-spec due(Now :: integer() | infinity, requests()) -> {[holder()], requests()}.
due(Now, #requests{early = Early} = Requests) ->
    IsDue = fun({_, {_, Until}, _}) -> Until =< Now; (_) -> false end,
    {Due, Rest} = lists:partition(IsDue, Early),
    {[Holder || {_, Holder, _} <- Due],
     Requests#requests{early = [{Rid, gone, Body} || {Rid, _, Body} <- Due] ++ Rest}}.

%% @doc Returns the window with answers that all releases know.
-spec whole(requests()) -> requests().
whole(#requests{answers = Answers} = Requests) ->
    Requests#requests{answers = [{Rid, ecm_bosh_answer:whole(Answer)} || {Rid, Answer} <- Answers]}.

%% @doc Moves all times by so many milliseconds.
-spec postpone(Milliseconds :: integer(), requests()) -> requests().
postpone(By, #requests{early = Early, open = Open} = Requests) ->
    Requests#requests{early = [{Rid, held_until(By, Holder), postpone_turn(By, Body)}
                               || {Rid, Holder, Body} <- Early],
                      open = [held_until(By, Holder) || Holder <- Open]}.

-spec held_until(integer(), holder()) -> holder().
held_until(By, {Exchange, Until}) -> {Exchange, Until + By};
held_until(By, Until) when is_integer(Until) -> Until + By;
held_until(_, gone) -> gone.

-spec postpone_turn(integer(), request()) -> request().
postpone_turn(By, #{due := Due} = Body) -> Body#{due := Due + By};
postpone_turn(_, Body) -> Body.

%% @doc Notes the answer to the oldest open request. If all answers together exceed so many bytes, the
%% oldest are forgotten; never the last one.
-spec answer(ecm_bosh_answer:answer(), MaxBytes :: pos_integer(), requests()) -> requests().
answer(Answer, MaxBytes, #requests{last = Last, open = [_ | Left] = Open} = Requests) ->
    Answered = Requests#requests{open = Left},
    Forgotten = forgotten(Answered),
    Kept = [Kept || {Rid, _} = Kept <- Requests#requests.answers, Rid > Forgotten],
    All = [{Last + 1 - length(Open), ecm_bosh_answer:kept(Answer)} || Answer =/= empty] ++ Kept,
    case fitting(All, MaxBytes) of
        {_, []} -> Answered#requests{answers = All};
        {Fitting, [{Rid, _} | _]} -> Answered#requests{answers = Fitting, first = Rid + 1}
    end.

%% Returns the newest answers that fit, at least one, and the others.
-spec fitting([Entry], Room :: integer()) -> {[Entry], [Entry]} when
      Entry :: {rid(), ecm_bosh_answer:kept()}.
fitting([], _) ->
    {[], []};
fitting([{_, Answer} = Newest | Older], Room) ->
    {Fitting, Rest} = fitting_older(Older, Room - ecm_bosh_answer:bytes(Answer)),
    {[Newest | Fitting], Rest}.

-spec fitting_older([Entry], Room :: integer()) -> {[Entry], [Entry]} when
      Entry :: {rid(), ecm_bosh_answer:kept()}.
fitting_older([{_, Answer} = Entry | Older] = All, Room) ->
    case Room - ecm_bosh_answer:bytes(Answer) of
        Left when Left >= 0 ->
            {Fitting, Rest} = fitting_older(Older, Left),
            {[Entry | Fitting], Rest};
        _ ->
            {[], All}
    end;
fitting_older([], _) ->
    {[], []}.

%% @doc Returns the window in fewer words of memory, as a list. Each answer takes two of its elements.
-spec dehydrate(requests()) -> [term()].
dehydrate(#requests{early = [], open = [{Exchange, Until}], first = First, last = Last,
                 answers = Answers, remembered = Remembered}) ->
    [Exchange, Until, First, Last, Remembered | flat(Answers)];
dehydrate(Requests) ->
    [Requests].

-spec flat([{rid(), ecm_bosh_answer:kept()}]) -> [rid() | ecm_bosh_answer:kept()].
flat([{Rid, Answer} | Answers]) -> [Rid, Answer | flat(Answers)];
flat([]) -> [].

%% @doc Returns it as it was. Release 1 had the answers in a list of their own.
-spec rehydrate(Dehydrated :: [term()]) -> requests().
rehydrate([Requests]) ->
    Requests;
rehydrate([Exchange, Until, First, Last, Answers, Remembered]) when is_list(Answers) ->
    rehydrate([Exchange, Until, First, Last, Remembered | flat(Answers)]);
rehydrate([Exchange, Until, First, Last, Remembered | Flat]) ->
    #requests{open = [{Exchange, Until}], first = First, last = Last, answers = paired(Flat),
              remembered = Remembered}.

-spec paired([rid() | ecm_bosh_answer:kept()]) -> [{rid(), ecm_bosh_answer:kept()}].
paired([Rid, Answer | Flat]) -> [{Rid, Answer} | paired(Flat)];
paired([]) -> [].
