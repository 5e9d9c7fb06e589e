%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Readable conversations with a BOSH session: an event at each second, and its outcome.

-module(ecm_conversation).

-export([answer/1, exchange/1, idle/1, options/0, options/1, send/2, talk/2, talk/3]).

-include_lib("eunit/include/eunit.hrl").

%% What happens. A request has a RID and perhaps attributes and the name of an exchange, or that and
%% its limit; the RID if none is named. `says' lets elements with these names wait, and flushes;
%% `keeps' only lets them wait. `logs_in' changes the limits to those of options/0. `time' is only allowed when
%% something is due. `left' is what remains undelivered.
%%
%% What comes of it are actions, but answers are shorter: {Exchange, Elements}, or
%% {Exchange, Attributes, Elements}, or with another status than 200 {Exchange, Status, Attributes,
%% Elements}; {bounce, Name, Bytes}; and to `left' the names of elements.

%% @doc Returns options for sessions.
options() ->
    options(#{}).

%% @doc The same, with some of the limits.
options(Limits) ->
    #{max_wait => 60, max_hold => 2, max_inactivity => 90, max_pause => 120,
      limits => limits(), newcomer_limits => maps:merge(limits(), Limits)}.

limits() ->
    #{max_body => infinity, max_stanzas => 1000, max_elements => infinity, counted => each,
      max_concat => 3, max_answer => 1000000, max_waiting => 1000, max_stanza_to_client => 1000000,
      max_waiting_size => 1000000}.

%% @doc Returns an exchange of this name, which can carry more than anybody sends here.
exchange({Name, Limit}) -> {here, Name, Limit};
exchange(Name) -> exchange({Name, 1000000}).

%% @doc Has a client create a session with these attributes and the RID 1, receive the stream features, and
%% then have a conversation. Returns the session after it. An attribute that is `none' is missing.
talk(Attrs, Steps) ->
    talk(#{}, Attrs, Steps).

%% @doc The same, with such limits.
talk(Limits, Attrs, Steps) ->
    Body = maps:merge(#{rid => 1, to => <<"localhost">>, wait => 60, hold => 1, ver => <<"1.11">>,
                        els => []}, Attrs),
    Given = maps:filter(fun(_, Value) -> Value =/= none end, Body),
    {[], New} = ecm_bosh:new(Given, exchange(1), <<"SID">>, options(Limits), 0),
    {[{answer, _, 200, _}], Begun} = happen({says, [features]}, 0, New),
    lists:foldl(fun step/2, Begun, Steps).

%% @doc Returns a session in its usual state: one request is held, with this RID, and nothing waits.
idle(Rid) ->
    talk(#{}, [{N, {asks, N}, [{N - 1, []} || N > 2]} || N <- lists:seq(2, Rid)]).

step({Second, Event, Expected}, Session) ->
    ?assertEqual(Session, ecm_bosh:rehydrate(ecm_bosh:dehydrate(Session))),
    {Actions, Next} = happen(Event, round(Second * 1000), Session),
    ?assertEqual({Second, Event, Expected}, {Second, Event, readable(Actions)}),
    Next.

happen({asks, Rid}, Now, Session) ->
    happen({asks, Rid, #{}}, Now, Session);
happen({asks, Rid, Attrs}, Now, Session) ->
    happen({asks, Rid, Attrs, Rid}, Now, Session);
happen({asks, Rid, Attrs, Exchange}, Now, Session) ->
    ecm_bosh:request(maps:merge(#{rid => Rid, els => []}, Attrs), exchange(Exchange), Now,
                        Session);
happen({violates, Condition, Exchange}, _, Session) ->
    ecm_bosh:violate(Condition, exchange(Exchange), Session);
happen({vanishes, Exchange}, Now, Session) ->
    ecm_bosh:gone(exchange(Exchange), Now, Session);
happen({half_closes, Exchange}, Now, Session) ->
    ecm_bosh:half_closed(exchange(Exchange), Now, Session);
happen({keeps, Names}, _, Session) ->
    {[], lists:foldl(fun(Name, S) -> send(element_of(Name), S) end, Session, Names)};
happen({says, Names}, Now, Session) ->
    {[], Next} = happen({keeps, Names}, Now, Session),
    ecm_bosh:flush(Now, Next);
happen(logs_in, _, Session) ->
    {[], ecm_bosh:logged_in(options(), Session)};
happen({closes, Condition}, Now, Session) ->
    ecm_bosh:close(Condition, Now, Session);
happen(time, Now, Session) ->
    ?assertEqual(Now, ecm_bosh:deadline(Session)),
    {[], _} = ecm_bosh:timeout(Now - 1, Session),
    ecm_bosh:timeout(Now, Session);
happen(left, _, Session) ->
    {ecm_bosh:undelivered(Session), Session}.

%% An element of this size in bytes.
element_of({Name, Bytes}) ->
    Text = binary:copy(<<"x">>, Bytes - 5 - 2 * length(atom_to_list(Name))),
    iolist_to_binary(io_lib:format("<~s>~s</~s>", [Name, Text, Name]));
element_of(Name) ->
    iolist_to_binary(io_lib:format("<~s/>", [Name])).

%% @doc Queues an element of any length.
send(El, Session) ->
    {[], Next} = ecm_bosh:send(El, Session),
    Next.

readable(Actions) ->
    lists:map(fun read/1, Actions).

read({answer, {here, Exchange, _}, Status, Content}) ->
    case {Status, answer(Content)} of
        {200, {Attrs, Els}} when Attrs =:= #{} -> {Exchange, Els};
        {200, {Attrs, Els}} -> {Exchange, Attrs, Els};
        {_, {Attrs, Els}} -> {Exchange, Status, Attrs, Els}
    end;
read({bounce, Instead, Bytes, _}) ->
    {bounce, read(Instead), Bytes};
read(El) when is_binary(El) ->
    [_, Name | _] = re:split(El, "[</>]"),
    binary_to_atom(Name);
read(Action) ->
    Action.

%% @doc Parses an answer: its attributes, without namespaces, and the names of its elements.
answer(Content) ->
    {xmlel, <<"body">>, Attrs, Els} = fxml_stream:parse_element(iolist_to_binary(Content)),
    {maps:from_list([{binary_to_atom(Name), Value} || {Name, Value} <- Attrs,
                                                      not is_namespace(Name)]),
     [binary_to_atom(Name) || {xmlel, Name, _, _} <- Els]}.

is_namespace(<<"xmlns", _/binary>>) -> true;
is_namespace(_) -> false.
