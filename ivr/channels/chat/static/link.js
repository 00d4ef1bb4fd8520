// The page of a link to the chat: the link's ticket stands behind the #, and is used when the visitor goes on.
import "./widget.js";

const ticket = location.hash.slice(1);
history.replaceState(null, "", location.pathname);
const chat = document.querySelector("callwright-chat");
document.getElementById("go").addEventListener("click", () => (ticket ? chat.goOn(ticket) : chat.open()));
