%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The newcomers that wait for their turn: a queue that is fair between addresses, and bounded in bytes. Pure.
%%
%% Each address has one newcomer in each round, the oldest first (start-time fair queueing). So an address with a
%% thousand newcomers makes others wait for one of them. The turn of a newcomer is known when it comes: it is in the
%% round after that of the last one from its address.

-module(ecm_c2s_waiting).

-export([add/5, age/2, expired/2, new/0, remove/2, size/1, take/1]).
-export_type([key/0, waiting/0]).

%% Milliseconds that a newcomer may wait. Clients give up after 66 seconds, if not earlier (Strophe's default, as
%% that of browsers is longer), and the front end may have kept the request for some of these.
-define(PATIENCE, 45000).

%% Bytes of all that wait: 80,000 newcomers. In 45 seconds, a machine lets in some hundreds for each core and second.
-define(MAX_BYTES, 67108864).

%% Bytes of a newcomer beside its request: 515 of terms (`erts_debug:size/1'), and what the heap has spare.
-define(OVERHEAD, 768).

%% Names a newcomer.
-type key() :: term().

%% An address, and the number of newcomers from it that may wait.
-type address() :: {ecm_c2s_newcomers:network() | local, Most :: pos_integer()}.

-type turn() :: {Round :: non_neg_integer(), Number :: non_neg_integer()}.

-record(entry, {key :: key(), from :: term(), bytes :: pos_integer(), since :: integer(), item :: term()}).

%% `turns' has all newcomers; `ages' has the turn of each by its number, so that the oldest is first. `rounds' has the
%% number of newcomers from an address, and the round of the last.
-record(waiting, {turns = gb_trees:empty() :: gb_trees:tree(turn(), #entry{}),
                  ages = gb_trees:empty() :: gb_trees:tree(non_neg_integer(), turn()),
                  keys = #{} :: #{key() => turn()},
                  rounds = #{} :: #{term() => {pos_integer(), Last :: non_neg_integer()}},
                  round = 0 :: non_neg_integer(),
                  number = 0 :: non_neg_integer(),
                  bytes = 0 :: non_neg_integer()}).

-opaque waiting() :: #waiting{}.

-spec new() -> waiting().
new() -> #waiting{}.

-spec size(waiting()) -> non_neg_integer().
size(#waiting{keys = Keys}) -> map_size(Keys).

%% @doc Lets a newcomer wait, whose request has so many bytes, unless too many do.
-spec add(key(), address(), {Bytes :: non_neg_integer(), Item :: term()}, Now :: integer(), waiting()) ->
    {ok, waiting()} | full.
add(Key, {From, Most}, {Size, Item}, Now, #waiting{rounds = Rounds, round = Round, bytes = Before} = Waiting) ->
    {Count, Last} = maps:get(From, Rounds, {0, Round}),
    Bytes = Size + ?OVERHEAD,
    case Count < Most andalso Before + Bytes =< ?MAX_BYTES andalso not is_map_key(Key, Waiting#waiting.keys) of
        true ->
            Entry = #entry{key = Key, from = From, bytes = Bytes, since = Now, item = Item},
            {ok, added(Entry, Count, max(Last, Round) + 1, Waiting)};
        false ->
            full
    end.

-spec added(#entry{}, non_neg_integer(), pos_integer(), waiting()) -> waiting().
added(#entry{key = Key, from = From, bytes = Bytes} = Entry, Count, Round, Waiting) ->
    #waiting{turns = Turns, ages = Ages, keys = Keys, rounds = Rounds, number = Number, bytes = Before} = Waiting,
    Turn = {Round, Number},
    Waiting#waiting{turns = gb_trees:insert(Turn, Entry, Turns), ages = gb_trees:insert(Number, Turn, Ages),
                    keys = Keys#{Key => Turn}, rounds = Rounds#{From => {Count + 1, Round}},
                    number = Number + 1, bytes = Before + Bytes}.

%% @doc Returns the newcomer whose turn it is.
-spec take(waiting()) -> {Item :: term(), waiting()} | none.
take(#waiting{turns = Turns} = Waiting) ->
    case gb_trees:is_empty(Turns) of
        true ->
            none;
        false ->
            {{Round, _} = Turn, #entry{item = Item}} = gb_trees:smallest(Turns),
            {Item, drop(Turn, Waiting#waiting{round = Round})}
    end.

%% @doc Returns a newcomer that is not to wait any more.
-spec remove(key(), waiting()) -> {Item :: term(), waiting()} | none.
remove(Key, #waiting{keys = Keys, turns = Turns} = Waiting) ->
    case Keys of
        #{Key := Turn} -> {(gb_trees:get(Turn, Turns))#entry.item, drop(Turn, Waiting)};
        #{} -> none
    end.

%% @doc Returns the newcomers that have waited for too long.
-spec expired(Now :: integer(), waiting()) -> {[Item :: term()], waiting()}.
expired(Now, Waiting) ->
    expired(age(Now, Waiting) >= ?PATIENCE, Now, Waiting).

-spec expired(boolean(), integer(), waiting()) -> {[term()], waiting()}.
expired(false, _, Waiting) ->
    {[], Waiting};
expired(true, Now, Waiting) ->
    {Turn, #entry{item = Item}} = oldest(Waiting),
    {Items, Rest} = expired(Now, drop(Turn, Waiting)),
    {[Item | Items], Rest}.

%% @doc Returns the milliseconds for which the oldest newcomer has waited, 0 if nobody waits.
-spec age(Now :: integer(), waiting()) -> non_neg_integer().
age(_, #waiting{bytes = 0}) ->
    0;
age(Now, Waiting) ->
    {_, #entry{since = Since}} = oldest(Waiting),
    Now - Since.

-spec oldest(waiting()) -> {turn(), #entry{}}.
oldest(#waiting{turns = Turns, ages = Ages}) ->
    {_, Turn} = gb_trees:smallest(Ages),
    {Turn, gb_trees:get(Turn, Turns)}.

-spec drop(turn(), waiting()) -> waiting().
drop({_, Number} = Turn, #waiting{turns = Turns, ages = Ages, keys = Keys, rounds = Rounds} = Waiting) ->
    {#entry{key = Key, from = From, bytes = Bytes}, Others} = gb_trees:take(Turn, Turns),
    Waiting#waiting{turns = Others, ages = gb_trees:delete(Number, Ages), keys = maps:remove(Key, Keys),
                    rounds = one_less(map_get(From, Rounds), From, Rounds),
                    bytes = Waiting#waiting.bytes - Bytes}.

%% An address without newcomers is not known any more. Its next one is in the next round.
-spec one_less({pos_integer(), non_neg_integer()}, term(), #{term() => term()}) -> #{term() => term()}.
one_less({1, _}, From, Rounds) -> maps:remove(From, Rounds);
one_less({Count, Last}, From, Rounds) -> Rounds#{From := {Count - 1, Last}}.
