%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Takes up the sessions of a file, after a restart. While it does, no listener accepts anybody: so nobody asks for
%% a session that is not there yet, and no message comes for one.

-module(ecm_restart_load).

-export([run/1]).

-include_lib("ejabberd/include/logger.hrl").

%% Sessions that are taken up at the same time. Most of the time they wait for each other.
-define(AT_ONCE, 400).

%% Milliseconds after which sessions are not taken up any more: no client of them is there, as each has been without an
%% answer for longer than any is patient.
-define(MAX_AGE, 900000).

-record(load, {context = none :: ecm_restart_session:context() | none, all = 0 :: non_neg_integer(),
               sample = none :: ecm_restart_deflate:sample(), read = 0 :: non_neg_integer(),
               awaited = #{} :: #{reference() => pid()}, outcomes = #{} :: #{term() => pos_integer()},
               progress :: ecm_restart_progress:progress()}).

%% @doc Takes up the sessions of this file, if it is there. The file is gone then.
-spec run(file:filename_all()) -> ok.
run(Path) ->
    lists:foreach(fun log_left/1, ecm_restart_file:sweep(Path)),
    case ecm_restart_file:take(Path) of
        {ok, Taken} -> read(Taken, Path);
        none -> ok;
        {error, Reason} -> ?ERROR_MSG("Cannot take up the sessions in ~ts: ~ts", [Path, file:format_error(Reason)])
    end.

-spec log_left(file:filename_all()) -> any().
log_left(Left) ->
    ?ERROR_MSG("Deleted ~ts, which an ejabberd has left behind that was killed: its sessions are lost", [Left]).

-spec read(Taken :: file:filename_all(), file:filename_all()) -> ok.
read(Taken, Path) ->
    Begun = #load{progress = ecm_restart_progress:new(0, now_ms())},
    {Result, Load} = ecm_restart_file:read(Taken, fun event/2, Begun),
    log(Result, rest(Load), Path),
    case ecm_restart_file:delete(Taken) of
        ok -> ok;
        {error, Reason} -> ?WARNING_MSG("Delete ~ts by hand, it holds secrets: ~ts",
                                        [Taken, file:format_error(Reason)])
    end.

-spec now_ms() -> integer().
now_ms() ->
    erlang:monotonic_time(millisecond).

-spec event(ecm_restart_records:event(), #load{} | {refused, iolist()}) -> #load{} | {refused, iolist()}.
event(_, {refused, _} = Refused) ->
    Refused;
event({header, #{node := Node}}, _) when Node =/= node() ->
    {refused, io_lib:format("it is of node ~ts", [Node])};
event({header, #{key := Key, saved := Saved, sessions := Number, salt := Salt}}, Load) ->
    case ecm_sid_key:restore(Key) of
        ok ->
            Age = erlang:system_time(millisecond) - Saved,
            ?INFO_MSG("Taking up ~B sessions, which were written ~B seconds ago", [Number, max(0, Age) div 1000]),
            Load#load{context = ecm_restart_session:context(Salt, Age > ?MAX_AGE), all = Number,
                      progress = ecm_restart_progress:new(Number, now_ms())};
        {error, other_key} ->
            {refused, "the cluster signs SIDs with another key now"}
    end;
event({session, Bytes}, #load{sample = none} = Load) ->
    session(Bytes, Load#load{sample = ecm_restart_deflate:sample(Bytes)});
event({session, Bytes}, Load) ->
    session(Bytes, Load);
event(damaged, #load{} = Load) ->
    count(damaged, Load);
event({the_end, _}, Load) ->
    Load;
event({header, _}, _) ->
    {refused, "its header is not of this release"}.

-spec session(binary(), #load{}) -> #load{}.
session(Bytes, #load{context = Context, sample = Sample, read = Read} = Load) ->
    #load{awaited = Awaited} = Free = await(?AT_ONCE - 1, said(Load)),
    {Pid, Monitor} = spawn_monitor(fun() -> exit({outcome, take_up(Bytes, Sample, Context)}) end),
    Free#load{awaited = Awaited#{Monitor => Pid}, read = Read + 1}.

-spec take_up(binary(), ecm_restart_deflate:sample(), ecm_restart_session:context()) ->
    ecm_restart_session:outcome().
take_up(Bytes, Sample, Context) ->
    ecm_restart_session:take_up(ecm_restart_deflate:unpack(Bytes, Sample), Context).

%% Waits until at most so many are being taken up.
-spec await(non_neg_integer(), #load{}) -> #load{}.
await(Most, #load{awaited = Awaited} = Load) when map_size(Awaited) =< Most ->
    Load;
await(Most, #load{awaited = Awaited} = Load) ->
    receive
        {'DOWN', Monitor, process, _, Reason} when is_map_key(Monitor, Awaited) ->
            await(Most, outcome(Reason, Load#load{awaited = maps:remove(Monitor, Awaited)}))
    end.

-spec outcome(term(), #load{}) -> #load{}.
outcome({outcome, Outcome}, Load) ->
    count(Outcome, Load);
outcome(_, #load{outcomes = #{{ended, crashed} := _}} = Load) ->
    count({ended, crashed}, Load);
outcome(Reason, Load) ->
    ?ERROR_MSG("A session could not be taken up, and others may follow: ~0P", [Reason, 40]),
    count({ended, crashed}, Load).

-spec count(term(), #load{}) -> #load{}.
count(Outcome, #load{outcomes = Outcomes} = Load) ->
    Load#load{outcomes = maps:update_with(Outcome, fun(Number) -> Number + 1 end, 1, Outcomes)}.

-spec said(#load{}) -> #load{}.
said(#load{progress = Progress, read = Read} = Load) ->
    case ecm_restart_progress:text(Read, now_ms(), Progress) of
        {Text, Next} ->
            ?INFO_MSG("Taken up: ~s", [Text]),
            Load#load{progress = Next};
        none ->
            Load
    end.

-spec rest(#load{} | {refused, iolist()}) -> #load{} | {refused, iolist()}.
rest(#load{} = Load) -> await(0, Load);
rest(Refused) -> Refused.

-spec log(ok | {error, ecm_restart_file:fault()}, #load{} | {refused, iolist()}, file:filename_all()) -> any().
log(_, {refused, Why}, Path) ->
    ?ERROR_MSG("The sessions in ~ts are not taken up: ~ts", [Path, Why]);
log({error, Fault}, #load{context = none}, Path) ->
    ?ERROR_MSG("The sessions in ~ts are not taken up: ~ts", [Path, fault(Fault)]);
log(Result, #load{outcomes = Outcomes, progress = Progress} = Load, Path) ->
    log_fault(Result, Load, Path),
    {Taken, Others} = case maps:take(taken, Outcomes) of
                          error -> {0, Outcomes};
                          Found -> Found
                      end,
    ?INFO_MSG("~B sessions are back, after ~s", [Taken, ecm_restart_progress:seconds(now_ms(), Progress)]),
    maps:foreach(fun log_outcome/2, Others).

-spec log_fault(ok | {error, ecm_restart_file:fault()}, #load{}, file:filename_all()) -> any().
log_fault(ok, _, _) ->
    ok;
log_fault({error, Fault}, #load{read = Read, all = Number}, Path) ->
    ?ERROR_MSG("~ts is not whole: ~ts. Up to ~B sessions of ~B are lost",
               [Path, fault(Fault), max(0, Number - Read), Number]).

-spec fault(ecm_restart_file:fault()) -> iolist().
fault(foreign) -> "it is no file of sessions";
fault({version, Version}) -> io_lib:format("its format is version ~B, of another release of mod_ecm", [Version]);
fault(unreadable) -> "it is damaged";
fault(truncated) -> "it ends early";
fault(longer) -> "there are bytes behind its end";
fault(open_to_others) -> "other users could have written it (its mode must be 0600)";
fault(Reason) -> file:format_error(Reason).

-spec log_outcome(term(), pos_integer()) -> any().
log_outcome(damaged, Number) ->
    ?ERROR_MSG("~B sessions are lost, their records are damaged", [Number]);
log_outcome(twice, Number) ->
    ?ERROR_MSG("~B sessions were in the file twice", [Number]);
log_outcome({ended, Reason}, Number) ->
    ?WARNING_MSG("~B sessions have ended: ~ts", [Number, why(Reason)]).

-spec why(term()) -> iolist().
why(host) -> "their host is not served any more";
why(account) -> "their accounts are gone";
why(password) -> "their passwords have changed";
why(access) -> "the access rule does not let them in any more";
why(conflict) -> "their users have logged in anew";
why(expired) -> "they were written too long ago";
why(version) -> "they are of another version of ejabberd or mod_ecm";
why({module, Module}) -> io_lib:format("they use ~s, which is not loaded any more", [Module]);
why(crashed) -> "see the error above";
why({failed, Reason}) -> io_lib:format("~0P", [Reason, 20]).
