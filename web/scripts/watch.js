/** The watch page: player, keys, live state of the video, folded description, timestamps that seek. */
import { followVideo } from "./live/watch-state.js";
import { connectFold } from "./page/fold.js";
import { connectSeeking } from "./page/seek.js";
import { connectKeyboard } from "./player/keyboard.js";
import { connectPlayQueue } from "./player/play-queue.js";
import { Player } from "./player/player.js";
import { connectPosterChoice } from "./player/poster-choice.js";
import { connectRelated } from "./player/related.js";
import { takeContinues } from "./player/up-next.js";

const player = new Player(document.getElementById("player"));
if (takeContinues()) player.video.wantsPlay = true;
connectKeyboard(player);
followVideo(player);
connectFold();
connectPlayQueue(player);
connectPosterChoice(player);
connectRelated(player);
connectSeeking(player);
