%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The pace of logins: how many may be in progress at a time. Pure.
%%
%% A login is in progress from its turn until its session is opened, and for two seconds at most. `max_logins' of
%% them may be. While newcomers wait, and the schedulers have little to do, there may be more: the clients take their
%% time between two requests, or logins are so quick that nobody waits long behind them. Each login that ends makes room
%% for one more then, so that their number doubles within the time of a login; and for one less if the schedulers are
%% busy. So the cores give the rate, however far the clients are, and whatever a login costs.

-module(ecm_c2s_pace).

-export([age/3, begun/3, calmed/1, ended/3, has_room/1, is_in_progress/2, limit/2, new/0, overdue/3, passed_on/3,
         size/1]).
-export_type([load/0, pace/0]).

%% Milliseconds for which a login is in progress, at most. Whoever takes longer waits for the network, or is no client:
%% it must not keep others out, and takes no core.
-define(LOGIN_TIME, 2000).

%% Logins in progress while the schedulers have little to do, for each of `max_logins'. With two cores that is 256: in
%% two seconds twice as many as these can do if each computes the hash of a password.
-define(MOST, 32).

%% What a login leaves behind that ends: schedulers with much to do, with little, or nobody who waits for its turn.
-type load() :: busy | idle | unwanted.

%% `logins' has the processes, and since when. `extra' is how many there may be above `limit'.
-record(pace, {logins = #{} :: #{pid() => integer()},
               limit = 1 :: pos_integer(),
               extra = 0 :: non_neg_integer()}).

-opaque pace() :: #pace{}.

-spec new() -> pace().
new() -> #pace{}.

%% @doc Sets `max_logins'.
-spec limit(pos_integer(), pace()) -> pace().
limit(Limit, #pace{extra = Extra} = Pace) ->
    Pace#pace{limit = Limit, extra = min(Extra, most(Limit))}.

-spec most(pos_integer()) -> non_neg_integer().
most(Limit) -> (?MOST - 1) * Limit.

%% @doc Returns the number of logins in progress.
-spec size(pace()) -> non_neg_integer().
size(#pace{logins = Logins}) -> map_size(Logins).

-spec has_room(pace()) -> boolean().
has_room(#pace{logins = Logins, limit = Limit, extra = Extra}) ->
    map_size(Logins) < Limit + Extra.

-spec is_in_progress(pid(), pace()) -> boolean().
is_in_progress(Pid, #pace{logins = Logins}) -> is_map_key(Pid, Logins).

%% @doc Returns for how many milliseconds the login of this process has been in progress; 0 if it is not.
-spec age(pid(), Now :: integer(), pace()) -> non_neg_integer().
age(Pid, Now, #pace{logins = Logins}) -> Now - maps:get(Pid, Logins, Now).

%% @doc The login of this process begins.
-spec begun(pid(), Now :: integer(), pace()) -> pace().
begun(Pid, Now, #pace{logins = Logins} = Pace) ->
    Pace#pace{logins = Logins#{Pid => Now}}.

%% @doc Another process goes on with a login.
-spec passed_on(pid(), pid(), pace()) -> pace().
passed_on(From, To, #pace{logins = Logins} = Pace) ->
    {Since, Others} = maps:take(From, Logins),
    Pace#pace{logins = Others#{To => Since}}.

%% @doc The login of this process is over, if it was in progress.
-spec ended(pid(), load(), pace()) -> pace().
ended(Pid, Load, #pace{logins = Logins} = Pace) when is_map_key(Pid, Logins) ->
    adapted(Load, Pace#pace{logins = maps:remove(Pid, Logins)});
ended(_, _, Pace) ->
    Pace.

-spec adapted(load(), pace()) -> pace().
adapted(idle, #pace{limit = Limit, extra = Extra} = Pace) -> Pace#pace{extra = min(Extra + 1, most(Limit))};
adapted(_, #pace{extra = Extra} = Pace) -> Pace#pace{extra = max(Extra - 1, 0)}.

%% @doc A crowd is over: the next one begins with `max_logins'. Where many logins took too long at once, there may be
%% more room than logins that could end and take it away.
-spec calmed(pace()) -> pace().
calmed(Pace) ->
    Pace#pace{extra = 0}.

%% @doc Ends the logins that have taken too long. Returns their processes.
-spec overdue(Now :: integer(), load(), pace()) -> {[pid()], pace()}.
overdue(Now, Load, #pace{logins = Logins} = Pace) ->
    Pids = [Pid || {Pid, Since} <- maps:to_list(Logins), Now - Since >= ?LOGIN_TIME],
    {Pids, lists:foldl(fun(Pid, Before) -> ended(Pid, Load, Before) end, Pace, Pids)}.
