%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc A walk of a client, a network and a BOSH session. The client keeps all rules: it never has
%% more requests that are not answered than it may, and repeats them unchanged, before it has made
%% many others. The network delays
%% requests, lets them overtake each other, and breaks connections at any moment, with or without
%% the session being told.
%%
%% Both sides number what they send. What the session sends has bytes, too; and its exchanges differ in
%% how long a body they can carry. What is too long is bounced, and what stands in for it has the same
%% number. What must never happen ends the walk with an exception.

-module(ecm_walk).

-export([close/1, finish/1, is_over/1, leave/1, new/1, step/2]).

%% `asked' are the requests that the client has made and knows no answer to; `under_way' are those
%% that the session has not got yet; `exchanges' are those that it has got and not answered, and
%% whether the client still listens. A request may be in several exchanges.
-record(walk, {
    session,
    now = 0,
    client,                % #{hold, wait, keys, ack, limits, sizes, carry}
    made = 1,              % the RID of the last request that was made
    asked = #{},           % RID => body
    under_way = [],        % [{exchange, body}]
    come = [],             % RIDs that the session has got, and may not have delivered
    exchanges = #{},       % exchange => {RID, listens | deaf}
    answers = #{},         % RID => content, as the client has got it
    lost = [],             % {RID, numbers} of answers that nobody listened to
    bounced = [],          % numbers of elements
    next_exchange = 1,
    next_up = 1,           % the number of the next element of the client
    delivered = [],        % the last one first
    next_down = 1,         % the number of the next element of the session
    over = false
}).

%% @doc Returns a walk that begins when the session exists.
new(Client) ->
    Body = with_key(1, Client, maps:merge(#{rid => 1, to => <<"localhost">>, ver => <<"1.6">>,
                                            els => []},
                                          maps:with([hold, wait, ack], Client))),
    Options = ecm_conversation:options(maps:get(limits, Client, #{})),
    {[], New} = ecm_bosh:new(Body, ecm_conversation:exchange(1), <<"SID">>, Options, 0),
    {[{answer, _, 200, _}], Begun} =
        ecm_bosh:flush(0, ecm_conversation:send(<<"<e0/>">>, New)),
    #walk{session = Begun, client = Client}.

%% @doc Returns whether the client has been silent for too long.
is_over(#walk{over = Over}) -> Over.

%% @doc Takes a step, if it is possible.
step(_, #walk{over = true} = Walk) ->
    Walk;
step({ask, Els}, #walk{asked = Asked, client = #{hold := Hold}} = Walk) ->
    Oldest = lists:min([Walk#walk.made + 1 | maps:keys(Asked)]),
    case map_size(Asked) =< Hold andalso Walk#walk.made + 1 - Oldest < 2 * (Hold + 1) of
        true -> ask(max(Els, least(Walk)), Walk);
        false -> Walk
    end;
step({arrive, Nth}, #walk{under_way = UnderWay} = Walk) ->
    with(Nth, UnderWay, fun arrive/2, Walk);
step({lose, Nth}, #walk{under_way = UnderWay} = Walk) ->
    with(Nth, UnderWay, fun(Lost, W) -> W#walk{under_way = UnderWay -- [Lost]} end, Walk);
step({repeat, Nth}, #walk{asked = Asked} = Walk) ->
    with(Nth, lists:sort(maps:to_list(Asked)), fun({_, Body}, W) -> make(Body, W) end, Walk);
step({vanish, Nth}, #walk{exchanges = Exchanges} = Walk) ->
    with(Nth, maps:keys(Exchanges), fun vanish/2, Walk);
step({half_close, Nth}, #walk{exchanges = Exchanges} = Walk) ->
    with(Nth, maps:keys(Exchanges), fun half_close/2, Walk);
step({break, Nth}, #walk{exchanges = Exchanges} = Walk) ->
    with(Nth, maps:keys(Exchanges), fun break/2, Walk);
step({say, Els}, Walk) ->
    #walk{session = Session, now = Now} = Said = say(Els, Walk),
    limit(happened(ecm_bosh:flush(Now, Session), Said));
step({keep, Els}, Walk) ->
    say(Els, Walk);
step({move, Seconds}, #walk{session = Session, now = Now} = Walk) ->
    {ok, Actions, Frozen} = ecm_bosh:freeze(Now, Session),
    false = names_exchange(Frozen),
    Then = Now + Seconds * 1000,
    happened({Actions, ecm_bosh:thaw(Then, Frozen)}, Walk#walk{now = Then});
step({pass, Seconds}, #walk{session = Session, now = Now} = Walk) ->
    case ecm_bosh:deadline(Session) of
        Due when Due =< Now + Seconds * 1000 ->
            Then = max(Due, Now),
            happened(ecm_bosh:timeout(Then, Session), Walk#walk{now = Then});
        _ ->
            Walk#walk{now = Now + Seconds * 1000}
    end.

%% The session stops meanwhile, and moves to another process. No client waits for an answer from there.
names_exchange({walk, _, _}) -> true;
names_exchange(Tuple) when is_tuple(Tuple) -> names_exchange(tuple_to_list(Tuple));
names_exchange([Head | Tail]) -> names_exchange(Head) orelse names_exchange(Tail);
names_exchange(_) -> false.

%% @doc The client asks until it has got everything. True if that is what was sent, each element
%% once and in order, and if the same is true of what was delivered.
finish(#walk{over = true}) ->
    true;
finish(#walk{under_way = [_ | _]} = Walk) ->
    finish(step({arrive, 1}, Walk));
finish(#walk{asked = Asked} = Walk) when map_size(Asked) =:= 0 ->
    #walk{next_up = Up, next_down = Down, delivered = Delivered} = Walk,
    case received(Walk) of
        Received when Received =:= Down - 1 -> lists:reverse(Delivered) =:= lists:seq(1, Up - 1);
        _ -> finish(step({ask, 1}, Walk))
    end;
finish(#walk{asked = Asked, exchanges = Exchanges} = Walk) ->
    Listened = lists:sort([Rid || {Rid, listens} <- maps:values(Exchanges)]),
    case lists:sort(maps:keys(Asked)) of
        Listened ->
            finish(step({pass, 60}, step({say, 0}, Walk)));
        Rids ->
            finish(lists:foldl(fun(Nth, W) -> step({repeat, Nth}, W) end, Walk,
                               lists:seq(1, length(Rids))))
    end.

%% @doc The session is closed. True if everyone is answered who has asked and not vanished.
close(#walk{over = true}) ->
    true;
close(#walk{session = Session, now = Now} = Walk) ->
    {Actions, Closed} = ecm_bosh:close(<<"system-shutdown">>, Now, Session),
    #walk{exchanges = Left, over = Over} = happened({Actions, Closed}, Walk),
    Over = map_size(Walk#walk.exchanges) > 0,
    map_size(Left) =:= 0.

%% @doc The client does nothing any more. True if what it has not got is left, in order; but for
%% answers before its last request, which it seems to have got unless it acknowledges answers.
leave(#walk{over = false} = Walk) ->
    leave(step({pass, 1000}, Walk));
leave(#walk{session = Session, client = Client, made = Made, next_down = Down} = Walk) ->
    Left = [number(El) || El <- ecm_bosh:undelivered(Session)],
    Got = lists:append([numbers(Content) || Content <- maps:values(Walk#walk.answers)]),
    Seen = [N || not is_map_key(ack, Client), {Rid, Numbers} <- Walk#walk.lost, Rid < Made,
                 N <- Numbers],
    Left =:= lists:usort(Left) andalso lists:seq(1, Down - 1) -- (Left ++ Got ++ Seen) =:= [].

with(_, [], _, Walk) ->
    Walk;
with(Nth, List, Do, Walk) ->
    Do(lists:nth((Nth - 1) rem length(List) + 1, List), Walk).

%% Requests. A client that polls does so with elements: it may make them at any time.

least(#walk{client = #{hold := Hold, wait := Wait}}) when Hold =:= 0; Wait =:= 0 -> 1;
least(_) -> 0.

ask(Els, #walk{made = Made, asked = Asked, next_up = Up, client = Client} = Walk) ->
    Rid = Made + 1,
    Body = with_key(Rid, Client, with_ack(Walk, #{rid => Rid, els => lists:seq(Up, Up + Els - 1)})),
    make(Body, Walk#walk{made = Rid, asked = Asked#{Rid => Body}, next_up = Up + Els}).

with_ack(#walk{client = #{ack := 1}, asked = Asked, answers = Answers}, Body)
  when map_size(Asked) > 0 ->
    Body#{ack => in_order(1, maps:keys(Answers))};
with_ack(_, Body) ->
    Body.

with_key(Rid, #{keys := true}, Body) ->
    maps:put(case Rid of 1 -> newkey; _ -> key end, key(1000 - Rid), Body);
with_key(_, _, Body) ->
    Body.

%% Each is the hash of another, so all are kept once they are known.
key(0) ->
    <<"seed">>;
key(N) ->
    case get({key, N}) of
        undefined ->
            Key = binary:encode_hex(crypto:hash(sha, key(N - 1))),
            put({key, N}, Key),
            Key;
        Key ->
            Key
    end.

make(Body, #walk{under_way = UnderWay, next_exchange = Exchange} = Walk) ->
    Walk#walk{under_way = UnderWay ++ [{Exchange, Body}], next_exchange = Exchange + 1}.

arrive({Exchange, #{rid := Rid} = Body} = Request, Walk) ->
    #walk{under_way = UnderWay, exchanges = Exchanges, session = Session, now = Now} = Walk,
    happened(ecm_bosh:request(Body, exchange(Exchange, Walk), Now, Session), Walk#walk{
        under_way = UnderWay -- [Request],
        come = lists:usort([Rid | Walk#walk.come]),
        exchanges = Exchanges#{Exchange => {Rid, listens}}}).

vanish(Exchange, #walk{session = Session, now = Now, exchanges = Exchanges} = Walk) ->
    happened(ecm_bosh:gone(exchange(Exchange, Walk), Now, Session),
             Walk#walk{exchanges = maps:remove(Exchange, Exchanges)}).

%% If there is no answer to be had at once, there will be none.
half_close(Exchange, #walk{session = Session, now = Now} = Walk) ->
    Told = happened(ecm_bosh:half_closed(exchange(Exchange, Walk), Now, Session), Walk),
    Told#walk{exchanges = maps:remove(Exchange, Told#walk.exchanges)}.

break(Exchange, #walk{exchanges = Exchanges} = Walk) ->
    {Rid, _} = maps:get(Exchange, Exchanges),
    Walk#walk{exchanges = Exchanges#{Exchange => {Rid, deaf}}}.

%% The n-th one, its limits again and again.
exchange(N, #walk{client = Client}) ->
    {walk, N, of_these(N, maps:get(carry, Client, [1000000]))}.

of_these(N, List) ->
    lists:nth(N rem length(List) + 1, List).

say(Els, #walk{next_down = Down} = Walk) ->
    lists:foldl(fun send/2, Walk#walk{next_down = Down + Els}, lists:seq(Down, Down + Els - 1)).

send(N, #walk{session = Session, client = Client} = Walk) ->
    Text = binary:copy(<<"x">>, of_these(N, maps:get(sizes, Client, [0]))),
    El = iolist_to_binary(io_lib:format("<e~B>~s</e~B>", [N, Text, N])),
    {Actions, Next} = ecm_bosh:send(El, Session),
    lists:foldl(fun act/2, Walk#walk{session = Next}, Actions).

limit(#walk{over = true} = Walk) ->
    Walk;
limit(#walk{session = Session} = Walk) ->
    happened(ecm_bosh:limit(Session), Walk).

%% What comes of it.

happened({Actions, Session}, Walk) ->
    #walk{exchanges = Exchanges, client = #{hold := Hold}} = Happened =
        lists:foldl(fun act/2, Walk#walk{session = Session}, Actions),
    InOrder = in_order(1, Walk#walk.come),
    Held = [Rid || {Rid, _} <- maps:values(Exchanges), Rid =< InOrder],
    true = length(Held) =< Hold,
    true = length(lists:usort(Held)) =:= length(Held),
    Happened.

in_order(Rid, Come) ->
    case lists:member(Rid + 1, Come) of
        true -> in_order(Rid + 1, Come);
        false -> Rid
    end.

%% Nobody is answered who has not asked, or twice.
act({deliver, Numbers}, #walk{delivered = Delivered} = Walk) ->
    Walk#walk{delivered = lists:reverse(Numbers) ++ Delivered};
act({bounce, Instead, Bytes, Limit}, #walk{bounced = Bounced} = Walk) ->
    true = Bytes > Limit,
    Number = number(Instead),
    false = lists:member(Number, Bounced),
    Walk#walk{bounced = [Number | Bounced]};
act({answer, {walk, Exchange, Limit}, 200, Content}, #walk{exchanges = Exchanges} = Walk) ->
    true = byte_size(Content) =< Limit,
    {Asker, Left} = maps:take(Exchange, Exchanges),
    Answered = Walk#walk{exchanges = Left},
    case {Asker, ecm_conversation:answer(Content)} of
        {_, {#{type := _}, _}} -> Answered;
        {{Rid, deaf}, _} -> Answered#walk{lost = [{Rid, numbers(Content)} | Walk#walk.lost]};
        {{Rid, listens}, _} -> answered(Rid, Content, Answered)
    end;
act({over, Reason}, #walk{exchanges = Exchanges} = Walk) ->
    true = lists:member(Reason, reasons(Walk#walk.client)),
    true = map_size(Exchanges) =:= 0,
    Walk#walk{over = true}.

%% Where little may be kept, the session may end, and an answer may be forgotten; or it may be too long
%% for another exchange than the one that it was for.
reasons(#{carry := _}) ->
    [inactive, closed, <<"policy-violation">>, <<"item-not-found">>];
reasons(_) ->
    [inactive, closed].

%% The client stops to ask for what it has got. A repeated answer is the same as the first.
answered(Rid, Content, #walk{answers = Answers, asked = Asked, under_way = UnderWay} = Walk) ->
    Content = maps:get(Rid, Answers, Content),
    Walk#walk{answers = Answers#{Rid => Content}, asked = maps:remove(Rid, Asked),
              under_way = [Request || {_, #{rid := R}} = Request <- UnderWay, R =/= Rid]}.

%% How many elements the client has got, in the order of its requests.
received(#walk{answers = Answers}) ->
    Contents = [Content || {_, Content} <- lists:sort(maps:to_list(Answers))],
    Numbers = lists:append([numbers(Content) || Content <- Contents]),
    Numbers = lists:seq(1, length(Numbers)),
    length(Numbers).

numbers(Content) ->
    {_, Els} = ecm_conversation:answer(Content),
    [number(["<", atom_to_list(El), "/>"]) || El <- Els].

number(El) ->
    {match, [Number]} = re:run(El, "^<e([0-9]+)[/>]", [{capture, all_but_first, list}]),
    list_to_integer(Number).
