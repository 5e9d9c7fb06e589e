%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The elements in answers that a client has perhaps not received (XEP-0124, section 9). Pure.

-module(ecm_bosh_unacked).

-export([add/4, confirm/2, els/1, new/0, report/3, up_to/2]).
-export_type([unconfirmed/0]).

%% Milliseconds in which an answer ought to have arrived. Before that, to tell the client of it
%% would cost an answer and a request, and help nobody.
-define(LATE, 1000).

%% The last answer is the first. When it was sent is in milliseconds.
-opaque unconfirmed() ::
    [{ecm_bosh_window:rid(), Els :: [ecm_bosh_outbox:el()], Bytes :: pos_integer(), Sent :: integer()}].

-spec new() -> unconfirmed().
new() -> [].

%% @doc Notes what was in the answer to the request with this RID.
-spec add(ecm_bosh_window:rid(), [ecm_bosh_outbox:el()], Now :: integer(), unconfirmed()) -> unconfirmed().
add(_, [], _, Unconfirmed) -> Unconfirmed;
add(Rid, Els, Now, Unconfirmed) -> [{Rid, Els, iolist_size(Els), Now} | Unconfirmed].

%% @doc The client has received the answers up to this RID.
-spec confirm(integer(), unconfirmed()) -> unconfirmed().
confirm(Received, Unconfirmed) ->
    [Answer || {Rid, _, _, _} = Answer <- Unconfirmed, Rid > Received].

%% @doc Returns how many elements are in the answers up to this RID, and how many bytes.
-spec up_to(Last :: integer(), unconfirmed()) ->
    {Count :: non_neg_integer(), Bytes :: non_neg_integer()}.
up_to(Last, Unconfirmed) ->
    lists:foldl(fun({Rid, Els, Bytes, _}, {Count, Sum}) when Rid =< Last ->
                        {Count + length(Els), Sum + Bytes};
                   (_, Sums) ->
                        Sums
                end, {0, 0}, Unconfirmed).

%% @doc Returns the elements, the oldest first.
-spec els(unconfirmed()) -> [ecm_bosh_outbox:el()].
els(Unconfirmed) ->
    lists:append(lists:reverse([Els || {_, Els, _, _} <- Unconfirmed])).

%% @doc Returns the attributes that tell the client of the answer that it has not received, by what
%% it acknowledges, and should have by now (section 9.2); or none.
-spec report(ecm_bosh_body:body(), Now :: integer(), unconfirmed()) -> [{binary(), binary()}].
report(#{ack := Ack}, Now, Unconfirmed) ->
    case lists:keyfind(Ack + 1, 1, Unconfirmed) of
        {Rid, _, _, Sent} when Now - Sent >= ?LATE ->
            [{<<"report">>, integer_to_binary(Rid)}, {<<"time">>, integer_to_binary(Now - Sent)}];
        _ ->
            []
    end;
report(_, _, _) ->
    [].
