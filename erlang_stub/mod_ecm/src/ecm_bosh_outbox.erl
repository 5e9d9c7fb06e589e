%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The queue of elements for the client of a session. Their number and their bytes are counted as they
%% come and go. Pure.

-module(ecm_bosh_outbox).

-export([add/2, bytes/1, count/1, els/1, ending/2, errors/1, is_empty/1, new/0, replace/2, take/4]).
-export_type([el/0, outbox/0]).

%% An element as it is sent.
-type el() :: binary().

%% `back' is in reverse order.
-record(outbox, {front = [] :: [el()],
                 back = [] :: [el()],
                 count = 0 :: non_neg_integer(),
                 bytes = 0 :: non_neg_integer()}).

-opaque outbox() :: #outbox{}.

-spec new() -> outbox().
new() -> #outbox{}.

-spec is_empty(outbox()) -> boolean().
is_empty(#outbox{count = Count}) -> Count =:= 0.

-spec count(outbox()) -> non_neg_integer().
count(#outbox{count = Count}) -> Count.

-spec bytes(outbox()) -> non_neg_integer().
bytes(#outbox{bytes = Bytes}) -> Bytes.

%% @doc Returns all elements, the oldest first.
-spec els(outbox()) -> [el()].
els(#outbox{front = Front, back = Back}) -> Front ++ lists:reverse(Back).

-spec add(el(), outbox()) -> outbox().
add(El, #outbox{back = Back, count = Count, bytes = Bytes} = Outbox) ->
    Outbox#outbox{back = [El | Back], count = Count + 1, bytes = Bytes + byte_size(El)}.

%% @doc Replaces the oldest element.
-spec replace(el(), outbox()) -> outbox().
replace(El, #outbox{front = [Old | Front], bytes = Bytes} = Outbox) ->
    Outbox#outbox{front = [El | Front], bytes = Bytes - byte_size(Old) + byte_size(El)}.

%% @doc Takes the oldest elements: as many as `Count' and `Bytes' allow, and at least one, if it has at most
%% `Room' bytes. If it has more, it is `too_long', and stays.
-spec take(Count :: pos_integer(), Bytes :: integer(), Room :: integer(), outbox()) ->
    {ok, [el()], outbox()} | {too_long, el(), outbox()}.
take(_, _, _, #outbox{count = 0} = Outbox) ->
    {ok, [], Outbox};
take(Count, Bytes, Room, #outbox{front = [], back = Back} = Outbox) ->
    take(Count, Bytes, Room, Outbox#outbox{front = lists:reverse(Back), back = []});
take(_, _, Room, #outbox{front = [First | _]} = Outbox) when byte_size(First) > Room ->
    {too_long, First, Outbox};
take(Count, Bytes, _, #outbox{front = [First | Rest]} = Outbox) ->
    take_more(Count - 1, Bytes - byte_size(First), [First],
              Outbox#outbox{front = Rest, count = Outbox#outbox.count - 1,
                            bytes = Outbox#outbox.bytes - byte_size(First)}).

-spec take_more(integer(), integer(), Taken :: [el()], outbox()) -> {ok, [el()], outbox()}.
take_more(Count, Bytes, Taken, #outbox{front = [El | Rest], count = Left, bytes = Size} = Outbox)
  when Count > 0, byte_size(El) =< Bytes ->
    take_more(Count - 1, Bytes - byte_size(El), [El | Taken],
              Outbox#outbox{front = Rest, count = Left - 1, bytes = Size - byte_size(El)});
take_more(Count, Bytes, Taken, #outbox{front = [], back = [_ | _] = Back} = Outbox)
  when Count > 0 ->
    take_more(Count, Bytes, Taken, Outbox#outbox{front = lists:reverse(Back), back = []});
take_more(_, _, Taken, Outbox) ->
    {ok, lists:reverse(Taken), Outbox}.

%% @doc Returns the stream errors, and before them as many other elements as have room beside them, the
%% oldest first.
-spec ending(Room :: integer(), outbox()) -> [el()].
ending(Room, Outbox) ->
    {Errors, Others} = lists:partition(fun is_error/1, els(Outbox)),
    case Room - iolist_size(Errors) of
        Left when Left >= 0 -> fitting(Left, Others) ++ Errors;
        _ -> []
    end.

-spec fitting(Room :: integer(), [el()]) -> [el()].
fitting(Room, [El | Rest]) when byte_size(El) =< Room -> [El | fitting(Room - byte_size(El), Rest)];
fitting(_, _) -> [].

%% @doc Returns the stream errors, of which there is one at most.
-spec errors(outbox()) -> [el()].
errors(Outbox) -> lists:filter(fun is_error/1, els(Outbox)).

-spec is_error(el()) -> boolean().
is_error(<<"<stream:error", _/binary>>) -> true;
is_error(_) -> false.
