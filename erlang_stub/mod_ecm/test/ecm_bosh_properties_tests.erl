%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Properties of any BOSH session, with walks that PropEr generates, the same in each run. The output
%% of a failure is the shortest such walk.

-module(ecm_bosh_properties_tests).

-include_lib("eunit/include/eunit.hrl").

-import(proper_types, [elements/1, exactly/1, fixed_list/1, frequency/1, integer/2, list/1,
                       non_empty/1, oneof/1, resize/2, vector/2]).

properties_test_() ->
    [{Name, {timeout, 600, fun() -> ecm_property:holds(Generator, Test, Count, 124) end}}
     || {Name, Generator, Test, Count} <-
            [{"all arrives, once and in order", walk(), after_walk(fun ecm_walk:finish/1), 2000},
             {"whoever has asked is answered at the end", walk(),
              after_walk(fun ecm_walk:close/1), 2000},
             {"what has not arrived is left", walk(), after_walk(fun ecm_walk:leave/1), 2000},
             {"what is too long arrives as what stands in for it", long_walk(),
              after_walk(fun ecm_walk:finish/1), 2000},
             {"all the same at the end", long_walk(), after_walk(fun ecm_walk:close/1), 1000},
             {"all the same where it has not arrived", long_walk(),
              after_walk(fun ecm_walk:leave/1), 2000},
             {"most walks do not end too early", exactly(ok), fun mostly_long/1, 1},
             {"any requests are answered once", list(any_event()), fun answered_once/1, 10000}]].

%% Clients that keep the rules.

after_walk(Test) ->
    fun({Client, Steps}) ->
            Test(lists:foldl(fun ecm_walk:step/2, ecm_walk:new(Client), Steps));
       ({Client, {Limits, Sizes, Carry}, Steps}) ->
            Long = Client#{limits => maps:from_list(Limits), sizes => Sizes, carry => Carry},
            Test(lists:foldl(fun ecm_walk:step/2, ecm_walk:new(Long), Steps))
    end.

%% Otherwise the properties would say little.
mostly_long(ok) ->
    {ok, Walks} = proper_gen:pick(vector(200, walk()), 40),
    Over = [over || {Client, Steps} <- Walks, ecm_walk:is_over(
                        lists:foldl(fun ecm_walk:step/2, ecm_walk:new(Client), Steps))],
    Lengths = [length(Steps) || {_, Steps} <- Walks],
    length(Over) < 60 andalso lists:sum(Lengths) > 200 * 20.

walk() ->
    {client(), resize(100, list(step()))}.

client() ->
    elements([maps:merge(#{hold => Hold, wait => Wait}, Extra)
              || Hold <- [1, 1, 2, 0], Wait <- [60, 60, 60, 0],
                 Extra <- [#{}, #{ack => 1}, #{keys => true}]]).

%% Those of sessions that send what is long, over links that cannot carry all of it.
long_walk() ->
    {client(), {resize(3, list(limit())), resize(5, non_empty(list(integer(0, 600)))),
                resize(5, non_empty(list(integer(300, 700))))},
     resize(60, list(step()))}.

limit() ->
    {elements([max_answer, max_stanza_to_client, max_waiting_size]), integer(100, 2000)}.

step() ->
    frequency([{6, {ask, integer(0, 2)}}, {8, {arrive, integer(1, 4)}}, {1, {lose, integer(1, 4)}},
               {2, {repeat, integer(1, 4)}}, {1, {vanish, integer(1, 4)}},
               {1, {half_close, integer(1, 4)}},
               {1, {break, integer(1, 4)}}, {4, {say, integer(0, 5)}}, {1, {keep, integer(1, 2)}},
               {2, {pass, integer(0, 40)}}]).

%% Anybody.

any_event() ->
    frequency([{8, {request, any_body()}}, {1, {gone, integer(1, 10)}},
               {1, {half_closed, integer(1, 10)}}, {2, send}, {2, flush},
               {2, {pass, integer(0, 100)}}, {1, {close, elements([undefined, <<"reset">>])}}]).

any_body() ->
    fixed_list([{rid, frequency([{20, integer(0, 9)}, {1, none}])},
                {els, oneof([[], [x], [y, z]])} |
                [optional(Key, Value)
                 || {Key, Value} <- [{pause, integer(0, 200)}, {type, elements([terminate, error])},
                                     {restart, true}, {ack, integer(0, 9)}, {wait, integer(0, 60)},
                                     {hold, integer(0, 3)}, {ver, elements([<<"1.6">>, <<"x">>])},
                                     {key, <<"k">>}, {newkey, <<"n">>}, {to, <<"localhost">>}]]]).

optional(Key, Value) ->
    frequency([{12, exactly(none)}, {1, {Key, Value}}]).

%% Everyone is answered at most once; and at least once, when the session is over and then some.
answered_once(Events) ->
    Body = #{rid => 4, to => <<"localhost">>, els => []},
    {[], New} = ecm_bosh:new(Body, exchange(0), <<"SID">>, ecm_conversation:options(), 0),
    {Asked, Gone, Now, Session, Answered} =
        lists:foldl(fun event/2, {[0], [], 0, New, []}, Events),
    {Last, Closed} = ecm_bosh:close(undefined, Now, Session),
    {Late, _} = ecm_bosh:request(#{rid => 1, els => []}, exchange(late), Now, Closed),
    All = lists:sort(answered(Last ++ Late) ++ Answered),
    All =:= lists:usort(All) andalso ([late | Asked] -- Gone) -- All =:= [].

event({request, Attrs}, {Asked, Gone, Now, Session, Answered}) ->
    Exchange = length(Asked),
    Body = maps:from_list([Attr || {_, Value} = Attr <- Attrs, Value =/= none]),
    {Actions, Next} = ecm_bosh:request(Body, exchange(Exchange), Now, Session),
    {[Exchange | Asked], Gone, Now, Next, answered(Actions) ++ Answered};
event({gone, Exchange}, {Asked, Gone, Now, Session, Answered}) ->
    {Actions, Next} = ecm_bosh:gone(exchange(Exchange), Now, Session),
    {Asked, [Exchange | Gone], Now, Next, answered(Actions) ++ Answered};
event({half_closed, Exchange}, {Asked, Gone, Now, Session, Answered}) ->
    {Actions, Next} = ecm_bosh:half_closed(exchange(Exchange), Now, Session),
    {Asked, [Exchange | Gone], Now, Next, answered(Actions) ++ Answered};
event(send, {Asked, Gone, Now, Session, Answered}) ->
    {_, Next} = ecm_bosh:send(<<"<a>too long for a few</a>">>, Session),
    {Asked, Gone, Now, Next, Answered};
event({pass, Seconds}, {Asked, Gone, Now, Session, Answered}) ->
    Then = Now + Seconds * 1000,
    {Actions, Next} = ecm_bosh:timeout(Then, Session),
    {Asked, Gone, Then, Next, answered(Actions) ++ Answered};
event(flush, {Asked, Gone, Now, Session, Answered}) ->
    {Actions, Next} = ecm_bosh:flush(Now, Session),
    {Asked, Gone, Now, Next, answered(Actions) ++ Answered};
event({close, Condition}, {Asked, Gone, Now, Session, Answered}) ->
    {Actions, Next} = ecm_bosh:close(Condition, Now, Session),
    {Asked, Gone, Now, Next, answered(Actions) ++ Answered}.

answered(Actions) ->
    [Exchange || {answer, {any, Exchange, _}, _, _} <- Actions].

%% One of them can carry next to nothing.
exchange(Exchange) when is_integer(Exchange), Exchange rem 7 =:= 3 -> {any, Exchange, 150};
exchange(Exchange) -> {any, Exchange, 1000}.
