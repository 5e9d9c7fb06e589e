%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Routing of requests, with the test as the link's writer and as the session.

-module(ecm_router_tests).

-include_lib("eunit/include/eunit.hrl").

-define(CLIENT, {{192, 0, 2, 7}, 51234}).
-define(MAX_SIZE, 1000).
-define(NEWCOMER_LIMITS, #{max_body => 8192, max_elements => 32, counted => all}).
-define(NONCE, 4711).
-define(EXCHANGE, {self(), 7, 1000000}).

a_request_goes_to_its_session_test() ->
    Body = body(sid(self())),
    InFlight = route(Body),
    {ok, _, Content} = ecm_bosh_body:head(Body),
    ?assertEqual({request, ?NONCE, {#{rid => 2}, Content, byte_size(Body)}, ?EXCHANGE},
                 receive {ecm, Given} -> Given end),
    ?assertEqual([{7, self()}], ecm_link_table:all(InFlight)).

%% In any spelling.
any_body_of_a_session_goes_to_it_test_() ->
    [?_assertMatch({request, ?NONCE, {#{rid := 2}, _, Size}, _} when Size =:= byte_size(Body),
                   given(Body))
     || Sid <- [sid(self())],
        Body <- [<<"<?xml version='1.0'?>\n", (body(Sid))/binary>>,
                 <<16#EF, 16#BB, 16#BF, (body(Sid))/binary>>,
                 <<"<b:body sid = \"", Sid/binary, "\" a-1.B='' xmlns:b='http://jabber.org/protocol/"
                   "httpbind' rid='2'></b:body >">>,
                 <<"<body ü='ü&#xe9;' "/utf8, (tail(Sid))/binary>>,
                 binary:replace(body(Sid), Sid, escaped(Sid))]].

%% Also one whose fault is for the session to judge.
a_fault_goes_to_its_session_test_() ->
    [?_assertMatch({request, ?NONCE, Request, _}, given(Body))
     || Sid <- [sid(self())],
        {Request, Body} <- [{violates(<<"bad-request">>), Body} || Body <- bad(Sid)]
            ++ [{violates(<<"policy-violation">>), Body} || Body <- too_long(Sid)]].

violates(Condition) ->
    {violates, Condition}.

bad(Sid) ->
    [<<"<body sid='", Sid/binary, "' xmlns='http://jabber.org/protocol/httpbind'/>">>,
     <<"<body pause='x' ", (tail(Sid))/binary>>,
     <<"<body rid='1' ", (tail(Sid))/binary>>,
     <<"<body x='\0' ", (tail(Sid))/binary>>,
     <<"<body rid='1'\n sid = \"", Sid/binary, "\"">>].

%% As ECM says, or as it is.
too_long(Sid) ->
    Body = body(Sid),
    Begun = binary:part(Body, 0, byte_size(Body) - 2),
    [{truncated, <<Begun/binary, ">">>},
     {truncated, Begun},
     <<Begun/binary, $>, (binary:copy(<<" ">>, ?MAX_SIZE))/binary>>].

given(Body) ->
    _ = route(Body),
    receive
        {ecm, Given} -> Given;
        {answer, _, Status, _} -> Status
    end.

%% Its first character as a reference.
escaped(<<First, Rest/binary>>) ->
    iolist_to_binary(["&#", integer_to_list(First), $;, Rest]).

%% Statuses that even clients without `ver' understand, and 200 where the session is over.
a_request_without_a_session_is_answered_test_() ->
    [{Name, fun() -> refused(Body, Status, Condition) end}
     || {Name, Body, Status, Condition} <-
            [{"nothing", <<>>, 400, <<"bad-request">>},
             {"no XML", <<"<body">>, 400, <<"bad-request">>},
             {"no body", <<"<iq xmlns='jabber:client'/>">>, 400, <<"bad-request">>},
             {"no RID", <<"<body xmlns='http://jabber.org/protocol/httpbind'/>">>, 400,
              <<"bad-request">>},
             {"no RID, of a client that knows conditions",
              <<"<body ver='1.6' xmlns='http://jabber.org/protocol/httpbind'/>">>, 200,
              <<"bad-request">>},
             {"too long", binary:copy(<<" ">>, ?MAX_SIZE + 1), 403, <<"policy-violation">>},
             {"truncated in its start tag", {truncated, <<"<body rid='1' ">>}, 403,
              <<"policy-violation">>},
             {"truncated, and of no session",
              {truncated, <<"<body rid='1' xmlns='http://jabber.org/protocol/httpbind'><a">>}, 403,
              <<"policy-violation">>},
             {"truncated, with a forged SID", {truncated, body(forged(sid(self())))}, 200,
              <<"item-not-found">>},
             {"an empty SID", body(<<>>), 200, <<"item-not-found">>},
             {"a SID of elsewhere", body(<<"abc">>), 200, <<"item-not-found">>},
             {"a forged SID", body(forged(sid(self()))), 200, <<"item-not-found">>},
             {"a SID of another key", body(ecm_sid:make(ecm_sid:key(), self(), ?NONCE)),
              200, <<"item-not-found">>},
             {"a forged SID that cannot be read",
              <<"<body rid='1' ", (tail(forged(sid(self()))))/binary>>,
              200, <<"item-not-found">>}]].

refused(Body, Status, Condition) ->
    InFlight = route(Body),
    {7, Answered, Answer} = answer(),
    ?assertEqual({Status, refusal(Condition)}, {Answered, Answer}),
    receive {ecm, Given} -> error(Given) after 0 -> ok end,
    ?assertEqual([], ecm_link_table:all(answered(7, InFlight))).

%% The answer is the same as for one that was never there, whatever the status that it has.
refusal(Condition) ->
    {_, Body} = ecm_bosh_answer:content(ecm_bosh_answer:terminate(Condition, [], true)),
    Body.

%% The client gets its farewell.
the_session_has_ended_test_() ->
    {setup, fun ecm_services:start/0, fun(_) -> ecm_services:stop() end,
     [fun() ->
              {Session, Monitor} = spawn_monitor(Last),
              receive {'DOWN', Monitor, process, _, _} -> ok end,
              InFlight = route(body(sid(Session))),
              ?assertEqual({7, 200, Answer}, answer()),
              ?assertEqual(0, ecm_link_table:size(InFlight))
      end || {Last, Answer} <-
                 [{fun() -> ok end, refusal(<<"item-not-found">>)},
                  {fun() -> ecm_c2s_farewell:leave(?NONCE, 200, <<"why">>, 1000) end, <<"why">>}]]}.

%% ECM reaches the node of a session itself: that gets nothing from here, whatever the body is. A SID that was made
%% here names the session, also where the node has gone.
a_request_for_a_node_that_ecm_reaches_is_not_passed_on_test_() ->
    [fun() ->
             {Result, InFlight} = routed({reaching, [<<"a@b">>, <<"far@away">>], Body}),
             ?assertEqual({elsewhere, <<"far@away">>}, Result),
             ?assertEqual(0, ecm_link_table:size(InFlight))
     end || Sid <- [sid(far_away())], Body <- [body(Sid) | bad(Sid)]].

%% One of this node is, however ECM calls it; and that of a node that ECM does not reach, through the cluster.
any_other_request_is_passed_on_test() ->
    Here = {reaching, [atom_to_binary(node()), <<"far@away">>], body(sid(self()))},
    ?assertMatch({request, ?NONCE, {#{rid := 2}, _, _}, _}, given(Here)),
    {_, _} = routed({reaching, [<<"a@b">>], body(sid(far_away()))}),
    ?assertEqual({7, 200, refusal(<<"item-not-found">>)}, answer()).

%% A process of a node that is not there.
far_away() ->
    binary_to_term(<<131, 88, 119, 8, "far@away", 600:32, 3:32, 99:32>>).

%% Sessions that are there notice nothing, also what ends one.
a_full_ecm_has_no_newcomers_test_() ->
    {setup, fun ecm_services:start/0, fun(_) -> ecm_services:stop() end,
     [?_assertMatch({7, 503, _}, begin _ = route({full, create([], <<>>)}), answer() end),
      ?_assertMatch({request, ?NONCE, {#{rid := 2}, _, _}, _}, given({full, body(sid(self()))})),
      ?_assertEqual({violates, <<"bad-request">>},
                    begin {request, _, Request, _} = given({full, hd(bad(sid(self())))}), Request end),
      ?_assertEqual(400, given({full, <<"<body xmlns='http://jabber.org/protocol/httpbind'/>">>})),
      ?_assertEqual(400, given({full, <<"no BOSH">>}))]}.

a_body_may_be_as_long_as_the_limit_test_() ->
    Body = body(sid(self())),
    Padding = binary:copy(<<" ">>, ?MAX_SIZE - byte_size(Body)),
    [fun() ->
             _ = route(Long, MaxSize),
             ?assertMatch({request, _, {#{rid := 2}, _, _}, _}, receive {ecm, Given} -> Given end)
     end || {Long, MaxSize} <- [{<<Body/binary, Padding/binary>>, ?MAX_SIZE},
                                {<<Body/binary, Padding/binary, " ">>, infinity}]].

%% Nothing of it is parsed: it would not be well-formed.
what_begins_a_session_is_short_test_() ->
    [?_assertEqual({7, Status, Refusal}, begin _ = route(First, infinity), answer() end)
     || {First, Condition} <-
            [{create([], <<"<a>">>), <<"bad-request">>},
             {create([], [<<"<a>">>, binary:copy(<<" ">>, 8192)]), <<"policy-violation">>},
             {create([], lists:duplicate(33, <<"<a>">>)), <<"policy-violation">>},
             {create([], lists:duplicate(32, <<"<a>">>)), <<"bad-request">>},
             {create([" ver='1.6' a='", binary:copy(<<"x">>, 3000), "'"], binary:copy(<<"<a>">>, 2000)),
              <<"policy-violation">>}],
        {Status, Refusal} <- [ecm_bosh_answer:refusal(Condition, binary:match(First, <<"ver=">>) =/= nomatch)]].

create(Attributes, Content) ->
    iolist_to_binary(["<body rid='1' to='chat.example'", Attributes,
                      " xmlns='http://jabber.org/protocol/httpbind'>", Content, "</body>"]).

%% The table names the process that is to begin a session: if that fails, the request is an orphan.
where_no_session_can_begin_the_request_is_an_orphan_test() ->
    ecm_log:start(),
    InFlight = route(<<"<body rid='1' to='chat.example' "
                       "xmlns='http://jabber.org/protocol/httpbind'/>">>, ?MAX_SIZE, #{}),
    ecm_link_pair:await(fun() -> length(ecm_link_table:orphans(InFlight)) =:= 1 end),
    [{7, _}] = ecm_link_table:orphans(InFlight).

%% The table names the process that hears of its client meanwhile, and then the one that begins the session.
who_has_no_turn_yet_waits_test_() ->
    waiting([{"its turn", fun its_turn_comes/2}, {"gone", fun a_client_goes_while_it_waits/2},
             {"link", fun a_link_ends_while_it_waits/2}, {"refused", fun who_is_refused_may_try_again/2}]).

%% While the one login that may be is in progress.
waiting(Tests) ->
    {foreach, fun ecm_services:start/0, fun(_) -> ecm_services:stop() end,
     [fun(_) ->
              {Name, fun() ->
                             ecm_log:start(),
                             Limits = #{max_logins => 1, max_waiting => 1, max_body => 8192},
                             First = spawn(fun() -> receive never -> ok end end),
                             ok = ecm_c2s_logins:await_turn(newcomer(First), Limits, fun(_) -> ok end),
                             Waits = ecm_link_table:new(),
                             wait_in(Waits, Limits),
                             ?assertEqual([{7, whereis(ecm_c2s_logins)}], ecm_link_table:all(Waits)),
                             Test(First, Waits)
                     end}
      end || {Name, Test} <- Tests]}.

newcomer(Process) ->
    #{key => {Process, 1}, from => {{192, 0, 2, 8}, 1}, bytes => 0,
      start => fun(begins) -> ecm_c2s_logins:passed_on(Process) end}.

wait_in(InFlight, Limits) ->
    Body = <<"<body rid='1' to='chat.example' xmlns='http://jabber.org/protocol/httpbind'/>">>,
    Options = #{key => fun key/0, max_size => ?MAX_SIZE, c2s => #{false => #{}}, logins => Limits,
                newcomers => #{max_newcomers => 1000, newcomer_rate => 1000}},
    ecm_router:route(Body, ?EXCHANGE, ?CLIENT, false, InFlight, Options),
    _ = sys:get_state(ecm_c2s_logins).

%% Its process fails here, as no session can begin.
its_turn_comes(First, Waits) ->
    exit(First, kill),
    ecm_link_pair:await(fun() -> length(ecm_link_table:orphans(Waits)) =:= 1 end),
    ?assertNotEqual([{7, whereis(ecm_c2s_logins)}], ecm_link_table:all(Waits)).

a_client_goes_while_it_waits(First, Waits) ->
    {ok, Waiting} = ecm_link_table:take(7, Waits),
    exit(First, kill),
    ecm_router:gone(Waiting, ?EXCHANGE, gone),
    _ = sys:get_state(ecm_c2s_logins),
    ?assertEqual([], ecm_link_table:all(Waits)),
    ?assertEqual([], [Text || {error, Text} <- ecm_log:lines()]).

a_link_ends_while_it_waits(First, Waits) ->
    ecm_link_table:delete(Waits),
    exit(First, kill),
    ecm_link_pair:await(fun() -> logins_in_progress() =:= 0 end),
    ?assertEqual([], [Text || {error, Text} <- ecm_log:lines()]).

logins_in_progress() ->
    map_size(element(5, sys:get_state(ecm_c2s_logins))).

%% There may be one who waits from an address.
who_is_refused_may_try_again(_, Waits) ->
    wait_in(Waits, #{max_logins => 1, max_waiting => 1, max_body => 8192}),
    ?assertMatch({7, 503, _}, answer()).

route(Body) ->
    route(Body, ?MAX_SIZE).

route(Body, MaxSize) ->
    route(Body, MaxSize, #{session => #{newcomer_limits => ?NEWCOMER_LIMITS}, c2s => [],
                           hibernate_after => infinity}).

route(Body, MaxSize, C2s) ->
    element(2, routed(Body, MaxSize, C2s)).

routed(Body) ->
    routed(Body, ?MAX_SIZE, #{}).

routed(Body, MaxSize, C2s) ->
    InFlight = ecm_link_table:new(),
    Options = #{key => fun key/0, max_size => MaxSize, c2s => #{false => C2s},
                newcomers => #{max_newcomers => 1000, newcomer_rate => 1000},
                logins => #{max_logins => 10, max_waiting => 10, max_body => 8192}},
    {ecm_router:route(Body, ?EXCHANGE, ?CLIENT, false, InFlight, Options), InFlight}.

%% The message to the writer.
answer() ->
    receive {answer, Id, Status, Body} -> {Id, Status, Body} end.

%% The writer removes the request then.
answered(Id, InFlight) ->
    ok = ecm_link_table:remove(Id, InFlight),
    InFlight.

body(Sid) ->
    <<"<body ", (tail(Sid))/binary>>.

tail(Sid) ->
    <<"rid='2' sid='", Sid/binary, "' xmlns='http://jabber.org/protocol/httpbind'/>">>.

sid(Session) ->
    ecm_sid:make(key(), Session, ?NONCE).

%% With one character of the address changed.
forged(<<First, Rest/binary>>) when First =/= $B -> <<"B", Rest/binary>>;
forged(<<_, Rest/binary>>) -> <<"C", Rest/binary>>.

%% Made once.
key() ->
    case persistent_term:get(?MODULE, none) of
        none ->
            persistent_term:put(?MODULE, ecm_sid:key()),
            key();
        Key ->
            Key
    end.
