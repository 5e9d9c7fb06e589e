%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The elements in answers that a client may not have received (XEP-0124, section 9). Pure.

-module(ecm_bosh_unacked).

-export([add/4, confirm/2, confirm/3, els/1, new/0, postpone/2, report/3, up_to/2]).
-export_type([unacked/0]).

%% Milliseconds in which an answer should have arrived. An earlier report would cost an answer and a
%% request, and be of no use.
-define(LATE, 1000).

%% Milliseconds for which an answer may be on its way to a client. If that is too short, a stanza may be lost with
%% a session that ends now; if it is too long, it may come twice.
-define(ON_ITS_WAY, 2000).

%% The answers, the last one first. `Sent' is in milliseconds.
-opaque unacked() ::
    [{ecm_bosh_window:rid(), Els :: [ecm_bosh_outbox:el()], Bytes :: pos_integer(), Sent :: integer()}].

-spec new() -> unacked().
new() -> [].

%% @doc Notes what was in the answer to the request with this RID.
-spec add(ecm_bosh_window:rid(), [ecm_bosh_outbox:el()], Now :: integer(), unacked()) -> unacked().
add(_, [], _, Unacked) -> Unacked;
add(Rid, Els, Now, Unacked) -> [{Rid, Els, iolist_size(Els), Now} | Unacked].

%% @doc Notes that the client has received the answers up to this RID.
-spec confirm(integer(), unacked()) -> unacked().
confirm(Received, Unacked) ->
    [Answer || {Rid, _, _, _} = Answer <- Unacked, Rid > Received].

%% @doc Notes that the client has received the answers up to this RID; and of later ones, those that cannot be on
%% their way any more.
-spec confirm(integer(), Now :: integer(), unacked()) -> unacked().
confirm(Received, Now, Unacked) ->
    [Answer || {Rid, _, _, Sent} = Answer <- Unacked, Rid > Received, Now - Sent < ?ON_ITS_WAY].

%% @doc Returns the number of elements in the answers up to this RID, and their bytes.
-spec up_to(Last :: integer(), unacked()) ->
    {Count :: non_neg_integer(), Bytes :: non_neg_integer()}.
up_to(Last, Unacked) ->
    lists:foldl(fun({Rid, Els, Bytes, _}, {Count, Sum}) when Rid =< Last ->
                        {Count + length(Els), Sum + Bytes};
                   (_, Sums) ->
                        Sums
                end, {0, 0}, Unacked).

%% @doc Returns the elements, the oldest first.
-spec els(unacked()) -> [ecm_bosh_outbox:el()].
els(Unacked) ->
    lists:append(lists:reverse([Els || {_, Els, _, _} <- Unacked])).

%% @doc Returns the attributes that report the answer which the client has not received, according to what
%% it acknowledges, and should have by now (section 9.2); or none.
-spec report(ecm_bosh_window:request(), Now :: integer(), unacked()) -> [{binary(), binary()}].
report(#{ack := Ack}, Now, Unacked) ->
    case lists:keyfind(Ack + 1, 1, Unacked) of
        {Rid, _, _, Sent} when Now - Sent >= ?LATE ->
            [{<<"report">>, integer_to_binary(Rid)}, {<<"time">>, integer_to_binary(Now - Sent)}];
        _ ->
            []
    end;
report(_, _, _) ->
    [].

%% @doc Moves all times by so many milliseconds.
-spec postpone(Milliseconds :: integer(), unacked()) -> unacked().
postpone(By, Unacked) ->
    [{Rid, Els, Bytes, Sent + By} || {Rid, Els, Bytes, Sent} <- Unacked].
