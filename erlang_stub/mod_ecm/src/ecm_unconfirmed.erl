%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The elements in answers that a client has perhaps not received (XEP-0124, section 9). Pure.

-module(ecm_unconfirmed).

-export([add/4, confirm/2, count/2, els/1, new/0, report/3]).
-export_type([unconfirmed/0]).

%% Milliseconds in which an answer ought to have arrived. Before that, to tell the client of it
%% would cost an answer and a request, and help nobody.
-define(LATE, 1000).

-type el() :: iodata().

%% The last answer is the first, and so is the last element. When it was sent is in milliseconds.
-opaque unconfirmed() :: [{ecm_requests:rid(), Els :: [el()], Sent :: integer()}].

-spec new() -> unconfirmed().
new() -> [].

%% @doc Notes what was in the answer to the request with this RID, the last element first.
-spec add(ecm_requests:rid(), [el()], Now :: integer(), unconfirmed()) -> unconfirmed().
add(_, [], _, Unconfirmed) -> Unconfirmed;
add(Rid, Els, Now, Unconfirmed) -> [{Rid, Els, Now} | Unconfirmed].

%% @doc The client has received the answers up to this RID.
-spec confirm(integer(), unconfirmed()) -> unconfirmed().
confirm(Received, Unconfirmed) ->
    [Answer || {Rid, _, _} = Answer <- Unconfirmed, Rid > Received].

%% @doc Returns how many elements are in the answers up to this RID.
-spec count(Last :: integer(), unconfirmed()) -> non_neg_integer().
count(Last, Unconfirmed) ->
    lists:sum([length(Els) || {Rid, Els, _} <- Unconfirmed, Rid =< Last]).

%% @doc Returns the elements, the last one first.
-spec els(unconfirmed()) -> [el()].
els(Unconfirmed) ->
    lists:append([Els || {_, Els, _} <- Unconfirmed]).

%% @doc Returns the attributes that tell the client of the answer that it has not received, by what
%% it acknowledges, and should have by now (section 9.2); or none.
-spec report(ecm_body:body(), Now :: integer(), unconfirmed()) -> [{binary(), binary()}].
report(#{ack := Ack}, Now, Unconfirmed) ->
    case lists:keyfind(Ack + 1, 1, Unconfirmed) of
        {Rid, _, Sent} when Now - Sent >= ?LATE ->
            [{<<"report">>, integer_to_binary(Rid)}, {<<"time">>, integer_to_binary(Now - Sent)}];
        _ ->
            []
    end;
report(_, _, _) ->
    [].
