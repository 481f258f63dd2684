/** A video for strangers: the player and its keys, timestamps that seek. Nothing live: there is nothing to follow. */
import { connectFold } from "./page/fold.js";
import { connectSeeking } from "./page/seek.js";
import { connectKeyboard } from "./player/keyboard.js";
import { Player } from "./player/player.js";

const player = new Player(document.getElementById("player"));
connectKeyboard(player);
connectFold();
connectSeeking(player);
