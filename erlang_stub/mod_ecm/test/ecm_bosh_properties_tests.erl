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
             {"a session keeps little before the login", greed(), fun keeps_little/1, 300},
             {"the greediest client fills what there is", exactly(greediest()), fun keeps_much/1, 1},
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
               {2, {pass, integer(0, 40)}}, {1, {move, integer(0, 40)}}]).

%% Clients that want memory: they make the next request, or one ahead of it, with so many bytes; acknowledge
%% nothing; and get so many bytes, which may repeat what they have sent.

-define(NEWCOMER_LIMITS, #{max_body => 8192, max_elements => 32, counted => all, max_stanzas => 16,
                           max_waiting => 100, max_waiting_size => 65536, max_answer => 262144}).

%% Bytes, as the README of mod_ecm has them. Here, what an answer shares with another one is counted twice.
-define(MOST, 250000).

greed() ->
    Ahead = frequency([{3, 0}, {2, integer(0, 6)}]),
    Bytes = frequency([{3, integer(7000, 8192)}, {1, integer(100, 90000)}]),
    resize(150, list({Ahead, Bytes, integer(0, 8192)})).

%% First what can be answered, then what cannot.
greediest() ->
    [{0, 8192, 6000} || _ <- lists:seq(1, 20)] ++ [{Ahead, 8192, 0} || Ahead <- lists:seq(5, 1, -1)].

keeps_little(Steps) ->
    lists:all(fun(Size) -> Size < ?MOST end, sizes(Steps)).

keeps_much(Steps) ->
    lists:max(sizes(Steps)) > ?MOST div 2 andalso keeps_little(Steps).

%% Those of the session, after each step.
sizes(Steps) ->
    Body = #{rid => 1, to => <<"localhost">>, hold => 4, ack => 1, ver => <<"1.11">>, els => []},
    {[], New} = ecm_bosh:new(Body, ecm_conversation:exchange(1), <<"SID">>,
                             ecm_conversation:options(?NEWCOMER_LIMITS), 0),
    {_, _, Sizes} = lists:foldl(fun greedy/2, {1, New, [0]}, Steps),
    Sizes.

%% Once it is over, its process ends.
greedy(_, {over, _, _} = Over) ->
    Over;
greedy({Ahead, Bytes, Reply}, {Last, Session, Sizes}) ->
    Text = ["<body xmlns='http://jabber.org/protocol/httpbind'>", binary:copy(<<" ">>, Bytes), "</body>"],
    {ok, _, Content} = ecm_bosh_body:head(iolist_to_binary(Text)),
    Rid = Last + 1 + Ahead,
    {Actions, Asked} = ecm_bosh:request(#{rid => Rid, ack => 1, els => {unread, Content}, bytes => Bytes},
                                        ecm_conversation:exchange(Rid), 0, Session),
    {_, Said} = ecm_bosh:send(binary:copy(<<"x">>, Reply), Asked),
    {_, Flushed} = ecm_bosh:flush(0, Said),
    {Ends, Next} = ecm_bosh:limit(Flushed),
    After = case lists:keymember(over, 1, Actions ++ Ends) of
                true -> over;
                false -> max(Last, Rid - Ahead)
            end,
    {After, Next, [byte_size(term_to_binary(Next)) | Sizes]}.

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
