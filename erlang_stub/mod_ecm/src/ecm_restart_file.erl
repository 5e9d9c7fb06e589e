%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The file in which sessions outlive a restart of ejabberd (ecm_restart_records has its format). It holds
%% what whoever reads it can take sessions over with, and unread stanzas: it is its owner's alone.
%%
%% It appears under its name complete and on disc, or not at all; and it is taken away before it is read, so that
%% no session can come out of it twice.

-module(ecm_restart_file).

-export([append/2, commit/1, create/2, delete/1, discard/1, read/3, size/1, sweep/1, take/1]).
-export_type([draft/0, fault/0, fold/0]).

-include_lib("kernel/include/file.hrl").

%% The owner reads and writes. Nobody else may have written it: its terms are decoded without further ado. A new
%% file has the mode that the umask gives it for a moment, in which others could open it, and read it later: so it
%% is made in a folder of its owner's.
-define(MODE, 8#600).
-define(FOLDER_MODE, 8#700).
-define(OTHERS_WRITE, 8#022).

%% Bytes that are collected before they are written, for at most so many milliseconds; and bytes that are read at
%% once.
-define(COLLECTED, 1048576).
-define(COLLECTED_FOR, 2000).
-define(PIECE, 262144).

%% What has not been committed yet, of so many sessions and bytes.
-record(draft, {file :: file:io_device(), path :: file:filename_all(), sessions = 0 :: non_neg_integer(),
                bytes = 0 :: non_neg_integer()}).

-opaque draft() :: #draft{}.

-type fault() :: ecm_restart_records:fault() | open_to_others | file:posix() | badarg | terminated | system_limit.

%% Takes the next thing that was read.
-type fold() :: fun((ecm_restart_records:event(), Acc :: term()) -> Acc :: term()).

%% @doc Begins a file with this header, as a draft. An earlier draft that was left behind is replaced.
-spec create(file:filename_all(), Header :: map()) -> {ok, draft()} | {error, file:posix()}.
create(Path, Header) ->
    Folder = folder(Path),
    discard_folder(Path),
    case steps([fun() -> file:make_dir(Folder) end, fun() -> file:change_mode(Folder, ?FOLDER_MODE) end]) of
        ok -> opened(open(draft(Path)), Header, Path);
        {error, Reason} -> {error, Reason}
    end.

-spec open(Draft :: file:filename_all()) -> {ok, file:io_device()} | {error, file:posix()}.
open(Draft) ->
    file:open(Draft, [write, exclusive, raw, binary, {delayed_write, ?COLLECTED, ?COLLECTED_FOR}]).

-spec opened({ok, file:io_device()} | {error, file:posix()}, map(), file:filename_all()) ->
    {ok, draft()} | {error, file:posix()}.
opened({ok, File}, Header, Path) ->
    Draft = #draft{file = File, path = Path},
    case file:change_mode(draft(Path), ?MODE) of
        ok -> wrote(ecm_restart_records:header(Header), Draft);
        {error, Reason} -> failed(Reason, Draft)
    end;
opened({error, Reason}, _, Path) ->
    discard_folder(Path),
    {error, Reason}.

%% @doc Adds a session. After an error there is no draft any more.
-spec append(binary(), draft()) -> {ok, draft()} | too_large | {error, file:posix()}.
append(Session, #draft{sessions = Sessions} = Draft) ->
    case ecm_restart_records:session(Session) of
        {ok, Record} -> wrote(Record, Draft#draft{sessions = Sessions + 1});
        too_large -> too_large
    end.

-spec wrote(iodata(), draft()) -> {ok, draft()} | {error, file:posix()}.
wrote(Bytes, #draft{file = File, bytes = Before} = Draft) ->
    case file:write(File, Bytes) of
        ok -> {ok, Draft#draft{bytes = Before + iolist_size(Bytes)}};
        {error, Reason} -> failed(Reason, Draft)
    end.

-spec failed(file:posix(), draft()) -> {error, file:posix()}.
failed(Reason, Draft) ->
    discard(Draft),
    {error, Reason}.

%% @doc Ends the file, and has it under its name and on disc. After an error there is no draft any more.
-spec commit(draft()) -> ok | {error, file:posix()}.
commit(#draft{file = File, path = Path, sessions = Sessions} = Draft) ->
    Steps = [fun() -> file:write(File, ecm_restart_records:the_end(Sessions)) end,
             fun() -> file:sync(File) end,
             fun() -> file:close(File) end,
             fun() -> file:rename(draft(Path), Path) end,
             fun() -> sync_folder(filename:dirname(Path)) end],
    case steps(Steps) of
        ok -> discard_folder(Path);
        {error, Reason} -> failed(Reason, Draft)
    end.

-spec steps([fun(() -> ok | {error, file:posix()})]) -> ok | {error, file:posix()}.
steps([]) -> ok;
steps([Step | Steps]) ->
    case Step() of
        ok -> steps(Steps);
        {error, Reason} -> {error, Reason}
    end.

%% The name, too, is on disc then. Not all systems can do that.
-spec sync_folder(file:filename_all()) -> ok.
sync_folder(Folder) ->
    case file:open(Folder, [read, raw, directory]) of
        {ok, File} ->
            _ = file:sync(File),
            _ = file:close(File),
            ok;
        {error, _} ->
            ok
    end.

%% @doc Drops a draft.
-spec discard(draft()) -> ok.
discard(#draft{file = File, path = Path}) ->
    _ = file:close(File),
    _ = file:close(File),  % the first one may have failed to write what was collected
    discard_folder(Path).

-spec discard_folder(file:filename_all()) -> ok.
discard_folder(Path) ->
    _ = file:del_dir_r(folder(Path)),
    ok.

-spec folder(file:filename_all()) -> file:filename_all().
folder(Path) ->
    unicode:characters_to_binary([Path, ".new"]).

-spec draft(file:filename_all()) -> file:filename_all().
draft(Path) ->
    filename:join(folder(Path), "draft").

%% @doc Returns the sessions and bytes in a draft.
-spec size(draft()) -> {Sessions :: non_neg_integer(), Bytes :: non_neg_integer()}.
size(#draft{sessions = Sessions, bytes = Bytes}) ->
    {Sessions, Bytes}.

%% @doc Deletes what an ejabberd has left behind that was killed while it wrote the file, or read it. Returns what there
%% was.
-spec sweep(file:filename_all()) -> [file:filename_all()].
sweep(Path) ->
    [Left || Left <- [folder(Path), taken(Path)], file:del_dir_r(Left) =:= ok].

-spec taken(file:filename_all()) -> file:filename_all().
taken(Path) ->
    unicode:characters_to_binary([Path, ".taken"]).

%% @doc Takes a file away from its name, if there is one, and returns where it is now.
-spec take(file:filename_all()) -> {ok, Taken :: file:filename_all()} | none | {error, file:posix()}.
take(Path) ->
    Taken = taken(Path),
    case file:rename(Path, Taken) of
        ok ->
            ok = sync_folder(filename:dirname(Path)),
            {ok, Taken};
        {error, enoent} ->
            none;
        {error, Reason} ->
            {error, Reason}
    end.

%% @doc Reads a file that was taken, a piece at a time, and folds a function over what is in it. What could be read
%% before a fault has been folded.
-spec read(Taken :: file:filename_all(), fold(), Acc) -> {ok | {error, fault()}, Acc}.
read(Taken, Fold, Acc) ->
    case file:read_file_info(Taken) of
        {ok, #file_info{mode = Mode}} when Mode band ?OTHERS_WRITE =/= 0 -> {{error, open_to_others}, Acc};
        {ok, _} -> read_opened(file:open(Taken, [read, raw, binary]), Fold, Acc);
        {error, Reason} -> {{error, Reason}, Acc}
    end.

-spec read_opened({ok, file:io_device()} | {error, file:posix()}, fold(), Acc) ->
    {ok | {error, fault()}, Acc}.
read_opened({ok, File}, Fold, Acc) ->
    try
        read_on(file:read(File, ?PIECE), File, ecm_restart_records:new(), Fold, Acc)
    after
        _ = file:close(File)
    end;
read_opened({error, Reason}, _, Acc) ->
    {{error, Reason}, Acc}.

-spec read_on({ok, binary()} | eof | {error, fault()}, file:io_device(), ecm_restart_records:decoder(), fold(),
              Acc) -> {ok | {error, fault()}, Acc}.
read_on({ok, Bytes}, File, Decoder, Fold, Acc) ->
    {Events, Next} = ecm_restart_records:decode(Bytes, Decoder),
    read_on(file:read(File, ?PIECE), File, Next, Fold, lists:foldl(Fold, Acc, Events));
read_on(eof, _, Decoder, _, Acc) ->
    {ecm_restart_records:finish(Decoder), Acc};
read_on({error, Reason}, _, _, _, Acc) ->
    {{error, Reason}, Acc}.

%% @doc Deletes a file that was taken.
-spec delete(Taken :: file:filename_all()) -> ok | {error, file:posix()}.
delete(Taken) ->
    file:delete(Taken).
