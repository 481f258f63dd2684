/** The script of every page: htmx with event streams, menus, dialogs, the theme switch. */
import "./page/htmx.js";
import "./live/cards.js";
import "./live/library.js";
import { connectAppearance } from "./page/appearance.js";
import { connectChapters } from "./page/chapters.js";
import { connectCopying } from "./page/copy.js";
import { connectDialogs } from "./page/dialogs.js";
import { connectForms } from "./page/forms.js";
import { connectServiceWorker } from "./page/installed.js";
import { connectMenus } from "./page/menus.js";
import { connectPictures } from "./page/pictures.js";
import { connectPlaylist } from "./page/playlist.js";
import { connectPreviews } from "./page/preview.js";
import { connectStartAt } from "./page/start-at.js";
import { connectSuggestions } from "./page/suggestions.js";

connectAppearance();
connectChapters();
connectCopying();
connectDialogs();
connectForms();
connectMenus();
connectPictures();
connectPlaylist();
connectPreviews();
connectServiceWorker();
connectStartAt();
connectSuggestions();
